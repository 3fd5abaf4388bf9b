package org.retain4j.evaluation.statistics;

import org.apache.commons.rng.UniformRandomProvider;
import org.apache.commons.rng.simple.RandomSource;
import org.apache.commons.statistics.descriptive.Quantile;

/**
 * Percentile bootstrap interval for the change of a score on the same items, stratified by task.
 *
 * <p>Each resample draws the items of every task with replacement, as many as it has, and takes the
 * mean over tasks of the mean change of their items; what an item contributes to both scores
 * cancels (Efron and Tibshirani 1993, "An Introduction to the Bootstrap", chapter 13). The same
 * instance gives the same interval for the same input on every machine. Immutable and thread-safe.
 *
 * @param randomSeed seeds the resampling
 * @param resamples how many resamples are drawn, at least 1
 * @param confidence the level of the interval, between 0 and 1 exclusively
 */
public record PairedBootstrap(long randomSeed, int resamples, double confidence) {

    /**
     * Checks the settings.
     *
     * @throws IllegalArgumentException if one is out of range
     */
    public PairedBootstrap {
        // the same rules and the same sentences
        ClusteredBootstrap unused = new ClusteredBootstrap(randomSeed, resamples, confidence);
    }

    /** 95 % intervals from 10,000 resamples. */
    public static PairedBootstrap seeded(long randomSeed) {
        return new PairedBootstrap(randomSeed, ClusteredBootstrap.DEFAULT_RESAMPLES, 0.95);
    }

    /** Estimates the mean of {@code after} minus the mean of {@code before} of one task. */
    public Estimate difference(double[] before, double[] after) {
        return difference(new double[][] {before}, new double[][] {after});
    }

    /**
     * Estimates the mean change over tasks, each weighing the same.
     *
     * @param before {@code before[task][item]}, finite; at least one task, none without items
     * @param after the same items after the change
     * @throws IllegalArgumentException if the shapes or the numbers are not as described
     */
    public Estimate difference(double[][] before, double[][] after) {
        double[][] change = changes(before, after);
        double value = 0;
        for (double[] task : change) {
            double sum = 0;
            for (double item : task) {
                sum += item;
            }
            value += sum / task.length / change.length;
        }
        UniformRandomProvider random = RandomSource.XO_RO_SHI_RO_128_PP.create(randomSeed);
        double[] statistics = new double[resamples];
        for (int i = 0; i < resamples; i++) {
            double mean = 0;
            for (double[] task : change) {
                double sum = 0;
                for (int k = 0; k < task.length; k++) {
                    sum += task[random.nextInt(task.length)];
                }
                mean += sum / task.length / change.length;
            }
            statistics[i] = mean;
        }
        double tail = (1 - confidence) / 2;
        double[] ends = Quantile.withDefaults().evaluate(statistics, tail, 1 - tail);
        return new Estimate(value, ends[0], ends[1]);
    }

    private static double[][] changes(double[][] before, double[][] after) {
        if (before.length == 0 || before.length != after.length) {
            throw new IllegalArgumentException(
                    "A paired comparison needs the same tasks before and after, but got %d and %d."
                            .formatted(before.length, after.length));
        }
        double[][] change = new double[before.length][];
        for (int task = 0; task < change.length; task++) {
            int items = before[task].length;
            if (items == 0 || items != after[task].length) {
                throw new IllegalArgumentException(
                        ("Task %d needs the same items before and after, but has %d and %d;"
                                        + " evaluate both on the same data.")
                                .formatted(task, items, after[task].length));
            }
            change[task] = new double[items];
            for (int item = 0; item < items; item++) {
                change[task][item] = after[task][item] - before[task][item];
                if (!Double.isFinite(change[task][item])) {
                    throw new IllegalArgumentException(
                            "Task %d, item %d changed from %s to %s; scores must be finite."
                                    .formatted(task, item, before[task][item], after[task][item]));
                }
            }
        }
        return change;
    }
}
