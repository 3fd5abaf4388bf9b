package org.retain4j.evaluation.statistics;

/**
 * A measured value with a confidence interval, all in the unit of the value.
 *
 * <p>The value normally lies inside the interval, but a percentile bootstrap of a skewed statistic
 * may leave it slightly outside, so only {@code low <= high} is required. Immutable and
 * thread-safe.
 *
 * @param value the point estimate, finite
 * @param low the lower end of the interval, finite
 * @param high the upper end of the interval, finite and not below {@code low}
 */
public record Estimate(double value, double low, double high) {

    /**
     * Checks the three numbers.
     *
     * @throws IllegalArgumentException if one is not finite or {@code low > high}
     */
    public Estimate {
        if (!Double.isFinite(value) || !Double.isFinite(low) || !Double.isFinite(high)) {
            throw new IllegalArgumentException(
                    "An estimate needs finite numbers, but got value %s, low %s, high %s."
                            .formatted(value, low, high));
        }
        if (low > high) {
            throw new IllegalArgumentException(
                    "An estimate needs low <= high, but got low %s and high %s."
                            .formatted(low, high));
        }
    }

    /** Whether {@code number} lies in the interval, ends included. */
    public boolean contains(double number) {
        return low <= number && number <= high;
    }

    /** Whether the two intervals share no point. */
    public boolean isApartFrom(Estimate other) {
        return isBelow(other) || other.isBelow(this);
    }

    /** Whether this whole interval lies strictly below the other one. */
    public boolean isBelow(Estimate other) {
        return high < other.low;
    }
}
