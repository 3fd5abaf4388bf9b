package org.retain4j.evaluation.statistics;

import org.apache.commons.statistics.distribution.NormalDistribution;

/**
 * Score interval for a rate (Wilson 1927, "Probable inference, the law of succession, and
 * statistical inference", Journal of the American Statistical Association 22). Stateless and
 * thread-safe.
 *
 * <p>Unlike mean ± 1.96 standard errors it stays inside [0, 1] and has a width also at 0 and 1.
 */
public final class Wilson {
    private Wilson() {}

    /** Returns the 95 % interval of a rate. */
    public static Estimate interval(long successes, long trials) {
        return interval(successes, trials, 0.95);
    }

    /**
     * Returns the interval of a rate, with the plain rate as its value.
     *
     * @param successes 0 to the number of trials
     * @param trials at least 1
     * @param confidence between 0 and 1 exclusively
     * @throws IllegalArgumentException if a number is out of range
     */
    public static Estimate interval(long successes, long trials, double confidence) {
        if (trials < 1 || successes < 0 || successes > trials) {
            throw new IllegalArgumentException(
                    "A rate needs at least one trial and 0 to all of them as successes, but got"
                            + " %d of %d.".formatted(successes, trials));
        }
        double z = normalQuantile(confidence);
        double n = trials;
        double rate = successes / n;
        double middle = (rate + z * z / (2 * n)) / (1 + z * z / n);
        double half = z / (1 + z * z / n) * Math.sqrt(rate * (1 - rate) / n + z * z / (4 * n * n));
        double low = successes == 0 ? 0 : Math.max(0, middle - half);
        double high = successes == trials ? 1 : Math.min(1, middle + half);
        return new Estimate(rate, low, high);
    }

    /** Returns how many standard deviations hold this share of a normal distribution. */
    static double normalQuantile(double confidence) {
        if (!(confidence > 0 && confidence < 1)) {
            throw new IllegalArgumentException(
                    "The confidence level must lie between 0 and 1, such as 0.95, but is %s."
                            .formatted(confidence));
        }
        return NormalDistribution.of(0, 1).inverseSurvivalProbability((1 - confidence) / 2);
    }
}
