package org.retain4j.cli.score;

import com.fasterxml.jackson.databind.JsonNode;
import org.jspecify.annotations.Nullable;

/** A line that cannot be scored, with what is wrong and what was expected. */
final class BadLineException extends Exception {

    private static final long serialVersionUID = 1;

    private final transient @Nullable JsonNode id;

    /**
     * Creates the exception.
     *
     * @param message one sentence that begins with the key, without file and line
     * @param id the line's own id, as far as it is known
     */
    BadLineException(String message, @Nullable JsonNode id, @Nullable Throwable cause) {
        super(message, cause);
        this.id = id;
    }

    @Nullable JsonNode id() {
        return id;
    }
}
