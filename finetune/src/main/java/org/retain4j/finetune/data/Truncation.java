package org.retain4j.finetune.data;

import java.util.Locale;

/** What happens to an example of more tokens than the largest length. */
public enum Truncation {
    /** Texts are split, other examples lose their end. */
    AUTO,
    /** The end is cut off, as {@code keep_start} of TRL. */
    RIGHT,
    /** The start is cut off, as {@code keep_end} of TRL. */
    LEFT,
    /**
     * The example becomes several rows. Each row starts with the last token of the one before, so
     * that every token is predicted exactly once.
     */
    SPLIT,
    /** The example is left out and counted. */
    DROP,
    /** The example is a problem, as a row that is not well formed. */
    ERROR;

    /**
     * Returns the policy of a name such as {@code right}.
     *
     * @throws IllegalArgumentException if there is none
     */
    public static Truncation of(String name) {
        try {
            return valueOf(name.strip().toUpperCase(Locale.ROOT));
        } catch (IllegalArgumentException e) {
            throw new IllegalArgumentException(
                    "there is no truncation \""
                            + name
                            + "\"; choose one of auto, right, left, split, drop, error",
                    e);
        }
    }
}
