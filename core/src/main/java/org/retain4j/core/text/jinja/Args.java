package org.retain4j.core.text.jinja;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The arguments of a call.
 *
 * @param positional those without a name
 * @param named those with one, in their order
 */
record Args(List<Object> positional, Map<String, Object> named) {

    static final Args EMPTY = new Args(List.of(), Map.of());

    static Args of(Object... positional) {
        return new Args(List.of(positional), Map.of());
    }

    /** Returns the arguments from an index on. */
    Args from(int first) {
        return new Args(
                positional.subList(Math.min(first, positional.size()), positional.size()), named);
    }

    /**
     * Puts the arguments into the order of the parameters; null where none was given.
     *
     * @param function for messages
     * @param required how many parameters have no default
     */
    @Nullable Object[] bind(String function, int required, String... parameters) {
        if (positional.size() > parameters.length) {
            throw new Failure(
                    function
                            + "() takes at most "
                            + parameters.length
                            + " arguments ("
                            + positional.size()
                            + " given)");
        }
        @Nullable Object[] bound = Arrays.copyOf(positional.toArray(), parameters.length);
        List<String> names = Arrays.asList(parameters);
        for (Map.Entry<String, Object> entry : named.entrySet()) {
            int index = names.indexOf(entry.getKey());
            if (index < 0) {
                throw new Failure(
                        function
                                + "() got an unexpected keyword argument '"
                                + entry.getKey()
                                + "'");
            }
            if (bound[index] != null) {
                throw new Failure(
                        function + "() got multiple values for argument '" + entry.getKey() + "'");
            }
            bound[index] = entry.getValue();
        }
        for (int i = 0; i < required; i++) {
            if (bound[i] == null) {
                throw new Failure(
                        function + "() missing required argument '" + parameters[i] + "'");
            }
        }
        return bound;
    }

    /**
     * An argument as the template writes it.
     *
     * @param name null without a name
     * @param spread 0, or the number of asterisks
     */
    record Written(@Nullable String name, int spread, Expr value) {}

    static Args evaluate(List<Written> written, Scope scope) {
        if (written.isEmpty()) {
            return EMPTY;
        }
        List<Object> positional = new ArrayList<>();
        Map<String, Object> named = new LinkedHashMap<>();
        for (Written argument : written) {
            Object value = scope.run().eval(argument.value, scope);
            if (argument.spread == 1) {
                positional.addAll(Values.iterate(scope.run(), value));
            } else if (argument.spread == 2) {
                if (!(value instanceof Dict dict)) {
                    throw new Failure("argument after ** must be a mapping");
                }
                for (Map.Entry<Object, Object> entry : dict.entries()) {
                    if (!(entry.getKey() instanceof String key)) {
                        throw new Failure("keywords must be strings");
                    }
                    addNamed(named, key, entry.getValue());
                }
            } else if (argument.name != null) {
                addNamed(named, argument.name, value);
            } else {
                positional.add(value);
            }
        }
        scope.run().chargeElements(positional.size() + named.size());
        return new Args(positional, named);
    }

    private static void addNamed(Map<String, Object> named, String key, Object value) {
        if (named.put(key, value) != null) {
            throw new Failure("keyword argument repeated: " + key);
        }
    }
}
