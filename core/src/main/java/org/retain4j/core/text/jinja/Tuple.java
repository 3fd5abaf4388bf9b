package org.retain4j.core.text.jinja;

import java.util.AbstractList;
import java.util.List;

/** A Python tuple; the ones of {@code groupby} also have names for their two items. */
final class Tuple extends AbstractList<Object> {

    private final List<Object> items;
    private final boolean group;

    private Tuple(List<Object> items, boolean group) {
        this.items = items;
        this.group = group;
    }

    static Tuple of(Object... items) {
        return new Tuple(List.of(items), false);
    }

    static Tuple of(List<Object> items) {
        return new Tuple(items, false);
    }

    static Tuple group(Object grouper, List<Object> members) {
        return new Tuple(List.of(grouper, members), true);
    }

    boolean isGroup() {
        return group;
    }

    @Override
    public Object get(int index) {
        return items.get(index);
    }

    @Override
    public int size() {
        return items.size();
    }
}
