package org.retain4j.core.generate;

import java.util.Locale;

/** Why a row ended. */
public enum StopReason {
    /** A token that ends a text was chosen. */
    EOS,
    /** The text came to hold a stop string. */
    STOP,
    /** The largest number of new tokens was reached. */
    LENGTH,
    /** The listener asked for the end. */
    CANCELLED;

    /** Returns the name in lower case, as it stands in files. */
    @Override
    public String toString() {
        return name().toLowerCase(Locale.ROOT);
    }
}
