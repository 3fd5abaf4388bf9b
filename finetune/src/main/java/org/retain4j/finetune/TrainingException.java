package org.retain4j.finetune;

/** A training run that cannot go on, for example because the loss is not a number. */
public final class TrainingException extends RuntimeException {

    private static final long serialVersionUID = 1L;

    /** Creates an exception with a one-sentence message. */
    public TrainingException(String message) {
        super(message);
    }

    /** Creates an exception with a one-sentence message and its cause. */
    public TrainingException(String message, Throwable cause) {
        super(message, cause);
    }
}
