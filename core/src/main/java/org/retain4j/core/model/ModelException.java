package org.retain4j.core.model;

import java.io.IOException;

/** A model that cannot be loaded or used; the message says what is wrong, where, and what to do. */
public class ModelException extends IOException {

    private static final long serialVersionUID = 1L;

    /** Creates an exception with a one-sentence message. */
    public ModelException(String message) {
        super(message);
    }

    /** Creates an exception with a one-sentence message and its cause. */
    public ModelException(String message, Throwable cause) {
        super(message, cause);
    }
}
