package org.retain4j.finetune.checkpoint;

import java.io.IOException;
import org.jspecify.annotations.Nullable;

/** A checkpoint that is missing, damaged, or of another run; the message says which and how. */
public final class CheckpointException extends IOException {

    private static final long serialVersionUID = 1L;

    /** Creates an exception with a one-sentence message. */
    public CheckpointException(String message) {
        super(message);
    }

    /** Creates an exception with a one-sentence message and its cause. */
    public CheckpointException(String message, @Nullable Throwable cause) {
        super(message, cause);
    }
}
