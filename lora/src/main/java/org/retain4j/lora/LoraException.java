package org.retain4j.lora;

import java.io.IOException;

/**
 * An adapter that cannot be used: damaged, of another model, or of a kind that is not supported.
 */
public final class LoraException extends IOException {

    private static final long serialVersionUID = 1;

    /** Creates an exception; the message says what, where, and what was expected. */
    public LoraException(String message) {
        super(message);
    }

    /** Creates an exception with a cause. */
    public LoraException(String message, Throwable cause) {
        super(message, cause);
    }
}
