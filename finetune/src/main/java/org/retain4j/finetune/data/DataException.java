package org.retain4j.finetune.data;

import java.io.IOException;
import org.jspecify.annotations.Nullable;

/** Training data that cannot be used: a damaged file, or in strict mode a row with a problem. */
public final class DataException extends IOException {

    private static final long serialVersionUID = 1L;

    /** Makes an error whose message names the file, the line and what was expected. */
    public DataException(String message) {
        super(message);
    }

    /** Makes an error as above that was found out through another one. */
    public DataException(String message, @Nullable Throwable cause) {
        super(message, cause);
    }
}
