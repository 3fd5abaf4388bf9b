package org.retain4j.core.text.jinja;

import java.util.List;

/** What lazy filters give: something that can be gone through once and has no length. */
final class Generator {

    private List<Object> rest;

    Generator(List<Object> items) {
        this.rest = items;
    }

    /** Returns all that is left, and leaves nothing. */
    List<Object> drain() {
        List<Object> items = rest;
        rest = List.of();
        return items;
    }

    /** Returns the items up to and including the first that passes, and leaves the others. */
    List<Object> drain(int count) {
        List<Object> items = rest.subList(0, Math.min(count, rest.size()));
        rest = rest.subList(items.size(), rest.size());
        return items;
    }
}
