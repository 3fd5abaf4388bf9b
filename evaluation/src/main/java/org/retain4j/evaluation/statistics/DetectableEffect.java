package org.retain4j.evaluation.statistics;

import org.apache.commons.statistics.distribution.NormalDistribution;

/**
 * The smallest change of a rate that a comparison of so many items would notice, by the normal
 * approximation.
 *
 * <p>A true change of this size comes out significant in the given share of comparisons; smaller
 * ones mostly do not, so that "no significant change" says little about them. Stateless and
 * thread-safe.
 */
public final class DetectableEffect {
    private DetectableEffect() {}

    /** Returns {@link #unpaired(int, double, double, double)} at 5 % and a power of 80 %. */
    public static double unpaired(int items, double rate) {
        return unpaired(items, rate, 0.05, 0.8);
    }

    /**
     * Returns the smallest change between two models that answered different items.
     *
     * @param items items of each model, at least 1
     * @param rate the rate before, in [0, 1]; 0.5 is the worst case
     * @param significance two-sided level, such as 0.05
     * @param power wanted share of true changes that are found, such as 0.8
     * @return a difference of rates, above 0
     * @throws IllegalArgumentException if a number is out of range
     */
    public static double unpaired(int items, double rate, double significance, double power) {
        require(items >= 1 && rate >= 0 && rate <= 1, "rate " + rate + " of " + items + " items");
        return deviations(significance, power) * Math.sqrt(2 * rate * (1 - rate) / items);
    }

    /** Returns {@link #paired(int, double, double, double)} at 5 % and a power of 80 %. */
    public static double paired(int items, double changed) {
        return paired(items, changed, 0.05, 0.8);
    }

    /**
     * Returns the smallest change between two models that answered the same items.
     *
     * @param items number of items, at least 1
     * @param changed share of items whose answer changes from right to wrong or back, in [0, 1]
     * @param significance two-sided level, such as 0.05
     * @param power wanted share of true changes that are found, such as 0.8
     * @return a difference of rates
     * @throws IllegalArgumentException if a number is out of range
     */
    public static double paired(int items, double changed, double significance, double power) {
        require(
                items >= 1 && changed >= 0 && changed <= 1,
                "a share " + changed + " of " + items + " items");
        return deviations(significance, power) * Math.sqrt(changed / items);
    }

    private static double deviations(double significance, double power) {
        require(power > 0 && power < 1, "a power of " + power);
        return Wilson.normalQuantile(1 - significance)
                + NormalDistribution.of(0, 1).inverseCumulativeProbability(power);
    }

    private static void require(boolean isRight, String what) {
        if (!isRight) {
            throw new IllegalArgumentException("there is no detectable effect of " + what);
        }
    }
}
