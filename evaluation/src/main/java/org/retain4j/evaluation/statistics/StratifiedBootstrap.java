package org.retain4j.evaluation.statistics;

import java.util.List;
import java.util.stream.IntStream;
import org.apache.commons.rng.UniformRandomProvider;
import org.apache.commons.rng.simple.RandomSource;
import org.apache.commons.statistics.descriptive.Quantile;

/**
 * Percentile bootstrap for scores of several tasks measured over training seeds and items.
 *
 * <p>Each resample draws the seeds with replacement, the same draw for all tasks because one
 * trained model answers them all, and the items of every task with replacement, as many as it has
 * (the pigeonhole bootstrap: Owen 2007, arXiv:0712.1111, stratified by task). A comparison draws
 * the same seeds and items for both sides, so that what they have in common cancels. With one seed
 * the spread between seeds is not seen at all, with two or three it is understated. The same
 * instance gives the same result for the same input on every machine. Immutable and thread-safe.
 *
 * @param randomSeed seeds the resampling
 * @param resamples how many resamples are drawn, at least 1
 * @param confidence the level of the intervals, between 0 and 1 exclusively
 */
public record StratifiedBootstrap(long randomSeed, int resamples, double confidence) {

    /**
     * Checks the settings.
     *
     * @throws IllegalArgumentException if one is out of range
     */
    public StratifiedBootstrap {
        // the same rules and the same sentences
        ClusteredBootstrap unused = new ClusteredBootstrap(randomSeed, resamples, confidence);
    }

    /** 95 % intervals from 10,000 resamples. */
    public static StratifiedBootstrap seeded(long randomSeed) {
        return new StratifiedBootstrap(randomSeed, ClusteredBootstrap.DEFAULT_RESAMPLES, 0.95);
    }

    /** Returns the same bootstrap at another level. */
    public StratifiedBootstrap withConfidence(double level) {
        return new StratifiedBootstrap(randomSeed, resamples, level);
    }

    /**
     * Scores of a task. The arrays are not copied; treat them as immutable.
     *
     * @param scores {@code scores[seed][item]}, finite; at least one seed and one item
     * @param weights how much each item counts, above 0: 1 for a rate, bytes for bits per byte
     * @param scale what the task's mean is multiplied by before tasks are averaged
     */
    public record Table(double[][] scores, double[] weights, double scale) {

        /**
         * Checks the shape.
         *
         * @throws IllegalArgumentException if the rows are not as long as the weights, something is
         *     empty, or a number is not finite
         */
        public Table {
            require(scores.length > 0 && weights.length > 0, "at least one seed and one item");
            require(Double.isFinite(scale), "a finite scale");
            for (double weight : weights) {
                require(weight > 0 && Double.isFinite(weight), "weights above 0");
            }
            for (double[] row : scores) {
                require(row.length == weights.length, "the same items for every seed");
                for (double score : row) {
                    require(Double.isFinite(score), "finite scores");
                }
            }
        }

        private static void require(boolean isRight, String what) {
            if (!isRight) {
                throw new IllegalArgumentException("a table of scores needs " + what);
            }
        }

        private Table minus(Table other) {
            int theirs = other.scores.length;
            if (other.weights.length != weights.length
                    || (theirs != scores.length && theirs != 1)) {
                throw new IllegalArgumentException(
                        ("A paired comparison needs the same items, and the same seeds or one for"
                                        + " the reference, but got %d seeds × %d items and %d × %d.")
                                .formatted(
                                        scores.length,
                                        weights.length,
                                        theirs,
                                        other.weights.length));
            }
            double[][] difference = new double[scores.length][weights.length];
            for (int s = 0; s < difference.length; s++) {
                double[] reference = other.scores[theirs == 1 ? 0 : s];
                for (int i = 0; i < weights.length; i++) {
                    difference[s][i] = scores[s][i] - reference[i];
                }
            }
            return new Table(difference, weights, scale);
        }
    }

    /**
     * A difference between two methods.
     *
     * @param estimate the difference with its interval
     * @param pValue two-sided bootstrap p-value of no difference, never below 1/(resamples + 1)
     */
    public record Difference(Estimate estimate, double pValue) {}

    /**
     * Estimates the mean over tasks of their weighted mean scores.
     *
     * @throws IllegalArgumentException if there is no task, or tasks have different numbers of
     *     seeds
     */
    public Estimate mean(List<Table> tasks) {
        return interval(tasks, resampled(tasks));
    }

    /**
     * Estimates how much larger the first mean is than that of the reference.
     *
     * @param tasks scores of a method
     * @param reference scores of the reference on the same tasks, seeds and items, or of one seed
     * @throws IllegalArgumentException if they do not have the same tasks, seeds and items
     */
    public Difference difference(List<Table> tasks, List<Table> reference) {
        if (tasks.size() != reference.size()) {
            throw new IllegalArgumentException(
                    "A paired comparison needs the same tasks, but got %d and %d."
                            .formatted(tasks.size(), reference.size()));
        }
        List<Table> changes =
                IntStream.range(0, tasks.size())
                        .mapToObj(t -> tasks.get(t).minus(reference.get(t)))
                        .toList();
        double[] statistics = resampled(changes);
        int below = 1;
        int above = 1;
        for (double statistic : statistics) {
            below += statistic <= 0 ? 1 : 0;
            above += statistic >= 0 ? 1 : 0;
        }
        double p = Math.min(1, 2.0 * Math.min(below, above) / (resamples + 1));
        return new Difference(interval(changes, statistics), p);
    }

    private Estimate interval(List<Table> tasks, double[] statistics) {
        double value = 0;
        for (Table task : tasks) {
            double sum = 0;
            double weight = 0;
            for (int i = 0; i < task.weights.length; i++) {
                weight += task.weights[i];
                for (double[] row : task.scores) {
                    sum += row[i] * task.weights[i];
                }
            }
            value += task.scale * sum / (weight * task.scores.length) / tasks.size();
        }
        double tail = (1 - confidence) / 2;
        double[] ends = Quantile.withDefaults().evaluate(statistics, tail, 1 - tail);
        return new Estimate(value, ends[0], ends[1]);
    }

    private double[] resampled(List<Table> tasks) {
        if (tasks.isEmpty()) {
            throw new IllegalArgumentException("A bootstrap needs at least one task.");
        }
        int seeds = tasks.get(0).scores.length;
        for (Table task : tasks) {
            if (task.scores.length != seeds) {
                throw new IllegalArgumentException(
                        "Every task needs the same seeds, but one has %d and another %d."
                                .formatted(seeds, task.scores.length));
            }
        }
        UniformRandomProvider random = RandomSource.XO_RO_SHI_RO_128_PP.create(randomSeed);
        double[] statistics = new double[resamples];
        double[][] drawn = new double[seeds][];
        for (int r = 0; r < resamples; r++) {
            int[] rows = random.ints(seeds, 0, seeds).toArray();
            double mean = 0;
            for (Table task : tasks) {
                for (int s = 0; s < seeds; s++) {
                    drawn[s] = task.scores[rows[s]];
                }
                mean += task.scale * resample(drawn, task.weights, random);
            }
            statistics[r] = mean / tasks.size();
        }
        return statistics;
    }

    private static double resample(
            double[][] rows, double[] weights, UniformRandomProvider random) {
        double sum = 0;
        double total = 0;
        for (int i = 0; i < weights.length; i++) {
            int item = random.nextInt(weights.length);
            double all = 0;
            for (double[] row : rows) {
                all += row[item];
            }
            sum += all * weights[item];
            total += weights[item];
        }
        return sum / (total * rows.length);
    }
}
