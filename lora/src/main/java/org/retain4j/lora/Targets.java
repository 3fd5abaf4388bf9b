package org.retain4j.lora;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Names of modules, as a list of ends or as one regular expression ({@code target_modules}, {@code
 * exclude_modules}).
 *
 * <p>Immutable.
 *
 * @param names whole names or what follows a dot in them; null when there is an expression
 * @param pattern expression that a whole name must fit, or {@code all-linear}; null when there is a
 *     list
 */
public record Targets(@Nullable List<String> names, @Nullable String pattern) {

    /** All linear layers but the output head. */
    public static final Targets ALL_LINEAR = new Targets(null, "all-linear");

    /**
     * Makes an entry with its own copy of the list.
     *
     * @throws IllegalArgumentException unless exactly one of the two is given
     */
    public Targets {
        if ((names == null) == (pattern == null)) {
            throw new IllegalArgumentException("targets are a list of names or one expression");
        }
        names = names == null ? null : List.copyOf(names);
    }

    /** Targets by the ends of their names, for example {@code q_proj}. */
    public static Targets of(List<String> names) {
        return new Targets(names, null);
    }

    /** Targets by an expression that fits their whole names, or {@code all-linear}. */
    public static Targets matching(String pattern) {
        return new Targets(null, pattern);
    }

    boolean isAllLinear() {
        return pattern != null && pattern.equalsIgnoreCase("all-linear");
    }

    boolean isEmpty() {
        return names != null && names.isEmpty();
    }

    boolean isNamed(String name) {
        return names != null
                && (names.contains(name) || names.stream().anyMatch(n -> name.endsWith("." + n)));
    }

    /** Returns the list or the expression. */
    @Override
    public String toString() {
        return names == null ? "\"" + pattern + "\"" : names.toString();
    }
}
