package org.retain4j.core.text.jinja;

import java.time.Duration;

/**
 * What a template may use at most, since it is a program of strangers.
 *
 * <p>All values made during a rendering, not only the output, are charged against four times {@code
 * characters}, an element of a list as 32.
 *
 * @param characters largest output, and largest text or list made on the way, in UTF-16 units or
 *     elements; positive
 * @param time longest rendering; positive
 * @param depth deepest nesting of calls, of blocks and of values; 1 to 1000
 * @param steps number of statements and expressions that are evaluated; positive
 */
public record Limits(int characters, Duration time, int depth, long steps) {

    /** 16 million characters, 2 seconds, 200 levels, 20 million steps. */
    public static final Limits DEFAULT =
            new Limits(16 << 20, Duration.ofSeconds(2), 200, 20_000_000);

    /** Checks the ranges. */
    public Limits {
        if (characters < 1 || time.isNegative() || time.isZero() || steps < 1) {
            throw new IllegalArgumentException("Limits must be positive");
        }
        if (depth < 1 || depth > 1000) {
            throw new IllegalArgumentException("The depth must be 1 to 1000, is " + depth);
        }
    }
}
