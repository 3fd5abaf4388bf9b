package org.retain4j.core.io;

import java.io.IOException;
import org.jspecify.annotations.Nullable;

/** A safetensors file or model folder does not hold what its format or its caller demands. */
public final class SafetensorsException extends IOException {

    private static final long serialVersionUID = 1L;

    /** Makes an error whose message names the file, the place in it and what was expected. */
    public SafetensorsException(String message) {
        super(message);
    }

    /** Makes an error as above that was found out through another one. */
    public SafetensorsException(String message, @Nullable Throwable cause) {
        super(message, cause);
    }
}
