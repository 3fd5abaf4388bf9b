package org.retain4j.core.io.gguf;

import java.io.IOException;
import org.jspecify.annotations.Nullable;

/** A GGUF file is damaged, or holds something that this library does not support. */
public final class GgufException extends IOException {

    private static final long serialVersionUID = 1L;

    /** Makes an error whose message names the file, the place in it and what was expected. */
    public GgufException(String message) {
        super(message);
    }

    /** Makes an error as above that was found out through another one. */
    public GgufException(String message, @Nullable Throwable cause) {
        super(message, cause);
    }
}
