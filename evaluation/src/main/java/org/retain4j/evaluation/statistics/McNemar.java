package org.retain4j.evaluation.statistics;

import org.apache.commons.statistics.inference.BinomialTest;

/**
 * Exact test whether as many items got worse as got better (McNemar 1947, Psychometrika 12), for
 * right/wrong answers of two models to the same items.
 *
 * @param worse items right before and wrong after
 * @param better items wrong before and right after
 * @param pValue two-sided exact binomial p-value; 1 when no answer changed
 */
public record McNemar(int worse, int better, double pValue) {

    /**
     * Compares answers item by item.
     *
     * @throws IllegalArgumentException if the numbers of items differ
     */
    public static McNemar of(boolean[] before, boolean[] after) {
        if (before.length != after.length) {
            throw new IllegalArgumentException(
                    "A paired test needs the same items for both, but got %d before and %d after."
                            .formatted(before.length, after.length));
        }
        int worse = 0;
        int better = 0;
        for (int i = 0; i < before.length; i++) {
            worse += before[i] && !after[i] ? 1 : 0;
            better += !before[i] && after[i] ? 1 : 0;
        }
        return of(worse, better);
    }

    /**
     * Tests counts of items whose answer changed.
     *
     * @throws IllegalArgumentException if one is negative
     */
    public static McNemar of(int worse, int better) {
        if (worse < 0 || better < 0) {
            throw new IllegalArgumentException(
                    "Counts must not be negative, but are %d and %d.".formatted(worse, better));
        }
        int changed = Math.addExact(worse, better);
        double p =
                changed == 0
                        ? 1
                        : BinomialTest.withDefaults().test(changed, worse, 0.5).getPValue();
        return new McNemar(worse, better, p);
    }
}
