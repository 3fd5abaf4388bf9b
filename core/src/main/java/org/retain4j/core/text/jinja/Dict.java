package org.retain4j.core.text.jinja;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** A Python dict: keeps the order of its keys, and 1, 1.0 and True are the same key. */
final class Dict {

    private record TupleKey(List<Object> items) {}

    private final Map<Object, Map.Entry<Object, Object>> entries = new LinkedHashMap<>();

    @Nullable Object get(Run run, Object key) {
        return getHashed(hashKey(run, key));
    }

    @Nullable Object get(String key) {
        return getHashed(key);
    }

    private @Nullable Object getHashed(Object hashed) {
        Map.Entry<Object, Object> entry = entries.get(hashed);
        return entry == null ? null : entry.getValue();
    }

    void put(Run run, Object key, Object value) {
        run.charge(Run.ELEMENT);
        Object hashed = hashKey(run, key);
        Map.Entry<Object, Object> old = entries.get(hashed);
        entries.put(hashed, Map.entry(old == null ? key : old.getKey(), value));
    }

    void putAll(Run run, Dict other) {
        other.entries.values().forEach(e -> put(run, e.getKey(), e.getValue()));
    }

    int size() {
        return entries.size();
    }

    Iterable<Map.Entry<Object, Object>> entries() {
        return entries.values();
    }

    List<Object> keys(Run run) {
        run.chargeElements(size());
        List<Object> keys = new ArrayList<>(size());
        entries.values().forEach(e -> keys.add(e.getKey()));
        return keys;
    }

    List<Object> values(Run run) {
        run.chargeElements(size());
        List<Object> values = new ArrayList<>(size());
        entries.values().forEach(e -> values.add(e.getValue()));
        return values;
    }

    List<Object> items(Run run) {
        run.chargeElements(3L * size());
        List<Object> items = new ArrayList<>(size());
        entries.values().forEach(e -> items.add(Tuple.of(e.getKey(), e.getValue())));
        return items;
    }

    /** Returns an object with Java's equality for one with Python's. */
    static Object hashKey(Run run, Object key) {
        run.step();
        if (key instanceof Boolean || key instanceof Double) {
            return Numbers.hashKey(key);
        }
        if (key instanceof Tuple tuple) {
            run.enter();
            List<Object> items = new ArrayList<>();
            for (Object item : tuple) {
                items.add(hashKey(run, item));
            }
            run.leave();
            return new TupleKey(items);
        }
        if ((key instanceof List && !(key instanceof Range)) || key instanceof Dict) {
            throw new Failure("unhashable type: '" + Values.typeName(key) + "'");
        }
        return key;
    }
}
