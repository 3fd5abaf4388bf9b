package org.retain4j.merging;

import java.io.IOException;

/** A plan, a vector or models that cannot be merged as asked; the message says what to change. */
public final class MergeException extends IOException {

    private static final long serialVersionUID = 1;

    /** Creates an exception; the message says what, where, and what was expected. */
    public MergeException(String message) {
        super(message);
    }

    /** Creates an exception with a cause. */
    public MergeException(String message, Throwable cause) {
        super(message, cause);
    }
}
