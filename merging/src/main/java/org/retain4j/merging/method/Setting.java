package org.retain4j.merging.method;

import org.jspecify.annotations.Nullable;

/**
 * A parameter of a merge method.
 *
 * @param name key in a plan
 * @param kind what it holds; a flag counts as 1 or 0
 * @param perModel whether every model has its own, rather than the tensor as a whole
 * @param initial value where a plan has none; null means that a plan must give one
 */
public record Setting(String name, Kind kind, boolean perModel, @Nullable Double initial) {

    /** What a parameter holds. */
    public enum Kind {
        /** A number. */
        NUMBER,
        /** True or false. */
        FLAG
    }

    static Setting number(String name, double initial) {
        return new Setting(name, Kind.NUMBER, false, initial);
    }

    static Setting required(String name) {
        return new Setting(name, Kind.NUMBER, false, null);
    }

    static Setting flag(String name, boolean initial) {
        return new Setting(name, Kind.FLAG, false, initial ? 1.0 : 0.0);
    }

    static Setting ofModel(String name, @Nullable Double initial) {
        return new Setting(name, Kind.NUMBER, true, initial);
    }
}
