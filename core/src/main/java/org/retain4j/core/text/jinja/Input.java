package org.retain4j.core.text.jinja;

import java.math.BigInteger;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Turns the plain Java values that a template is given into those of the language. */
final class Input {

    private Input() {}

    static void define(Run run, Scope scope, Map<String, ?> variables) {
        variables.forEach((name, value) -> scope.set(name, value(run, value, name)));
    }

    private static Object value(Run run, @Nullable Object value, String name) {
        run.step();
        if (value == null) {
            return None.NONE;
        }
        if (value instanceof String
                || value instanceof Boolean
                || value instanceof Long
                || value instanceof Double) {
            return value;
        }
        if (value instanceof Integer number) {
            return number.longValue();
        }
        if (value instanceof BigInteger number) {
            return Numbers.normal(number);
        }
        if (value instanceof List<?> list) {
            run.enter();
            List<Object> items = new ArrayList<>(list.size());
            list.forEach(item -> items.add(value(run, item, name)));
            run.leave();
            return items;
        }
        if (value instanceof Map<?, ?> map) {
            run.enter();
            Dict dict = new Dict();
            map.forEach(
                    (key, item) -> {
                        if (!(key instanceof String)) {
                            throw new Failure(
                                    "the variable " + name + " has a key that is no text");
                        }
                        dict.put(run, key, value(run, item, name));
                    });
            run.leave();
            return dict;
        }
        throw new Failure(
                "the variable "
                        + name
                        + " holds a "
                        + value.getClass().getName()
                        + "; expected texts, numbers, booleans, null, lists and maps");
    }
}
