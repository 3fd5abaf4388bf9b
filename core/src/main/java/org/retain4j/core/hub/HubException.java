package org.retain4j.core.hub;

import java.io.IOException;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/** A repository or file could not be had from the hub or its cache; the message says what to do. */
public final class HubException extends IOException {

    private static final long serialVersionUID = 1L;

    private final boolean passing;
    private final transient @Nullable Duration retryAfter;

    HubException(String message) {
        this(message, null, false, null);
    }

    HubException(String message, @Nullable Throwable cause) {
        this(message, cause, false, null);
    }

    private HubException(
            String message,
            @Nullable Throwable cause,
            boolean passing,
            @Nullable Duration retryAfter) {
        super(message, cause);
        this.passing = passing;
        this.retryAfter = retryAfter;
    }

    /** Makes an error that may be gone on another try, after the pause the server asked for. */
    static HubException passing(
            String message, @Nullable Throwable cause, @Nullable Duration retryAfter) {
        return new HubException(message, cause, true, retryAfter);
    }

    /** Returns whether the network or the server failed, and not what was asked for. */
    boolean isPassing() {
        return passing;
    }

    @Nullable Duration retryAfter() {
        return retryAfter;
    }
}
