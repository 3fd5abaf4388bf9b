package org.retain4j.core.text;

import java.io.IOException;
import org.jspecify.annotations.Nullable;

/** A tokenizer file is missing or does not hold what a tokenizer needs. */
public final class TokenizerException extends IOException {

    private static final long serialVersionUID = 1L;

    /** Makes an error whose message names the file, the place in it and what was expected. */
    public TokenizerException(String message) {
        super(message);
    }

    /** Makes an error as above that was found out through another one. */
    public TokenizerException(String message, @Nullable Throwable cause) {
        super(message, cause);
    }
}
