package org.retain4j.core.hub;

import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * Decides after each failed attempt whether to pause and try again.
 *
 * <p>Pauses double from one to sixteen seconds unless the server asks for another one with {@code
 * Retry-After}. For one series of attempts by one thread.
 */
final class RetryPolicy {

    private static final int RETRIES = 5;
    private static final Duration LONGEST = Duration.ofMinutes(5);

    private final HubSettings.Pauses pauses;
    private final int retries;
    private int failures;

    RetryPolicy(HubSettings.Pauses pauses) {
        this(pauses, RETRIES);
    }

    RetryPolicy(HubSettings.Pauses pauses, int retries) {
        this.pauses = pauses;
        this.retries = retries;
    }

    /** Forgets earlier failures because there was real progress since. */
    void progressed() {
        failures = 0;
    }

    /** Pauses, or throws the failure when another attempt has no point. */
    void failed(HubException failure) throws HubException {
        if (!failure.isPassing()) {
            throw failure;
        }
        if (failures >= retries) {
            throw retries == 0
                    ? failure
                    : HubException.passing(
                            failure.getMessage()
                                    + " (gave up after "
                                    + (retries + 1)
                                    + " attempts)",
                            failure,
                            null);
        }
        Duration asked = failure.retryAfter();
        if (asked != null && asked.compareTo(LONGEST) > 0) {
            throw HubException.passing(
                    failure.getMessage()
                            + " and asks to wait "
                            + asked.toSeconds()
                            + " s; try again then",
                    failure,
                    null);
        }
        Duration pause = asked == null ? Duration.ofSeconds(1L << failures) : asked;
        failures++;
        try {
            pauses.pause(pause);
        } catch (InterruptedException e) {
            throw interrupted(e);
        }
    }

    static HubException interrupted(Exception cause) {
        Thread.currentThread().interrupt();
        return new HubException("The download was interrupted; run it again to go on", cause);
    }

    /** Reads {@code Retry-After}: seconds or a date of HTTP; null when absent or neither. */
    static @Nullable Duration retryAfter(@Nullable String header, Instant now) {
        if (header == null) {
            return null;
        }
        String text = header.strip();
        if (text.matches("[0-9]{1,9}")) {
            return Duration.ofSeconds(Long.parseLong(text));
        }
        try {
            Instant when =
                    ZonedDateTime.parse(
                                    text,
                                    DateTimeFormatter.RFC_1123_DATE_TIME.withLocale(Locale.ROOT))
                            .toInstant();
            return when.isAfter(now) ? Duration.between(now, when) : Duration.ZERO;
        } catch (DateTimeException e) {
            return null;
        }
    }
}
