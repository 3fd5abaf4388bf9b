package org.retain4j.core.tensor;

/**
 * A tensor operation that could not be done, for example because shapes do not fit.
 *
 * <p>The message names the operation, its arguments with shapes, types and devices, and the reason.
 */
public class TensorException extends RuntimeException {

    private static final long serialVersionUID = 1L;

    /** Creates an exception with a one-sentence message. */
    public TensorException(String message) {
        super(message);
    }

    /** Creates an exception with a one-sentence message and its cause. */
    public TensorException(String message, Throwable cause) {
        super(message, cause);
    }
}
