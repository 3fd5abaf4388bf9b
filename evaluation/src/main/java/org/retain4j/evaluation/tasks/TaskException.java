package org.retain4j.evaluation.tasks;

import java.io.IOException;

/** A task, its data or its settings are not as they must be; the message says where and why. */
public final class TaskException extends IOException {
    private static final long serialVersionUID = 1;

    /** Creates one with a whole sentence. */
    public TaskException(String message) {
        super(message);
    }

    /** Creates one with a whole sentence and what led to it. */
    public TaskException(String message, Throwable cause) {
        super(message, cause);
    }
}
