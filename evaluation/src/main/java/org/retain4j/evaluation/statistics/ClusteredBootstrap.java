package org.retain4j.evaluation.statistics;

import org.apache.commons.rng.UniformRandomProvider;
import org.apache.commons.rng.simple.RandomSource;
import org.apache.commons.statistics.descriptive.Quantile;

/**
 * Percentile bootstrap interval for bits per byte over training seeds and held-out documents.
 *
 * <p>The scores form a table, one row a seed and one column a document, because every seed is
 * scored on the same documents. Both are samples: other seeds and other documents would have given
 * other numbers. Each resample therefore draws rows with replacement and, independently, columns
 * with replacement, and recomputes the statistic {@code sum of bits / sum of bytes} over the drawn
 * cells (the pigeonhole bootstrap: Owen 2007, "The pigeonhole bootstrap", Annals of Applied
 * Statistics 1(2), arXiv:0712.1111). Tokens of one document are never separated, since they depend
 * on each other.
 *
 * <p>What the interval cannot do: with very few rows the spread between seeds is understated (a
 * resample of n rows sees only (n - 1)/n of their variance; with one row it is not seen at all),
 * and with fewer than about twenty documents a percentile interval is somewhat too narrow.
 *
 * <p>The same instance gives the same interval for the same input on every machine. Immutable and
 * thread-safe.
 *
 * @param randomSeed seeds the resampling
 * @param resamples how many resamples are drawn, at least 1
 * @param confidence the level of the interval, between 0 and 1 exclusively, such as 0.95
 */
public record ClusteredBootstrap(long randomSeed, int resamples, double confidence) {

    /** How many resamples {@link #seeded} draws. */
    public static final int DEFAULT_RESAMPLES = 10_000;

    /**
     * Checks the settings.
     *
     * @throws IllegalArgumentException if one is out of range
     */
    public ClusteredBootstrap {
        if (resamples < 1) {
            throw new IllegalArgumentException(
                    "A bootstrap needs at least 1 resample, but got %d.".formatted(resamples));
        }
        if (!(confidence > 0 && confidence < 1)) {
            throw new IllegalArgumentException(
                    "The confidence level must lie between 0 and 1, such as 0.95, but is %s."
                            .formatted(confidence));
        }
    }

    /** 95 % intervals from {@value #DEFAULT_RESAMPLES} resamples. */
    public static ClusteredBootstrap seeded(long randomSeed) {
        return new ClusteredBootstrap(randomSeed, DEFAULT_RESAMPLES, 0.95);
    }

    /**
     * Estimates bits per byte.
     *
     * @param bits {@code bits[seed][document]}, the total negative log2-likelihood of the document,
     *     finite; at least one seed, every row as long as {@code bytes}
     * @param bytes the UTF-8 length of each document, above 0; at least one document
     * @throws IllegalArgumentException if the shapes or the numbers are not as described
     */
    public Estimate estimate(double[][] bits, long[] bytes) {
        check(bits, bytes, "bits");
        return interval(bits, bytes);
    }

    /**
     * Estimates bits per byte of {@code a} minus bits per byte of {@code b}, drawing the same seeds
     * and documents for both in each resample.
     *
     * <p>What two methods have in common (a hard document, a lucky seed) cancels, so this interval
     * is the one to judge a difference by. Row i of both must come from the same seed; to compare
     * with a model that has no seeds, repeat its row.
     *
     * @param a {@code a[seed][document]}, as in {@link #estimate}
     * @param b as {@code a}, with the same number of seeds
     * @param bytes the UTF-8 length of each document, above 0
     * @throws IllegalArgumentException if the shapes or the numbers are not as described
     */
    public Estimate difference(double[][] a, double[][] b, long[] bytes) {
        check(a, bytes, "a");
        check(b, bytes, "b");
        if (a.length != b.length) {
            throw new IllegalArgumentException(
                    ("A paired difference needs the same seeds for both methods, but a has"
                                    + " %d and b has %d; score both with the same seeds.")
                            .formatted(a.length, b.length));
        }
        // The denominator is shared, so the difference of the ratios is the ratio of the
        // differences.
        double[][] difference = new double[a.length][bytes.length];
        for (int seed = 0; seed < a.length; seed++) {
            for (int document = 0; document < bytes.length; document++) {
                difference[seed][document] = a[seed][document] - b[seed][document];
            }
        }
        return interval(difference, bytes);
    }

    private Estimate interval(double[][] bits, long[] bytes) {
        int seeds = bits.length;
        int documents = bytes.length;
        double totalBits = 0;
        double totalBytes = 0;
        for (int document = 0; document < documents; document++) {
            totalBytes += bytes[document];
            for (double[] row : bits) {
                totalBits += row[document];
            }
        }
        double[] statistics = new double[resamples];
        resample(bits, bytes, statistics);
        double tail = (1 - confidence) / 2;
        double[] ends = Quantile.withDefaults().evaluate(statistics, tail, 1 - tail);
        return new Estimate(totalBits / (seeds * totalBytes), ends[0], ends[1]);
    }

    private void resample(double[][] bits, long[] bytes, double[] statistics) {
        UniformRandomProvider random = RandomSource.XO_RO_SHI_RO_128_PP.create(randomSeed);
        int seeds = bits.length;
        int documents = bytes.length;
        int[] drawn = new int[seeds];
        for (int i = 0; i < statistics.length; i++) {
            for (int s = 0; s < seeds; s++) {
                drawn[s] = random.nextInt(seeds);
            }
            double sumBits = 0;
            double sumBytes = 0;
            for (int d = 0; d < documents; d++) {
                int document = random.nextInt(documents);
                sumBytes += bytes[document];
                for (int seed : drawn) {
                    sumBits += bits[seed][document];
                }
            }
            statistics[i] = sumBits / (seeds * sumBytes);
        }
    }

    private static void check(double[][] bits, long[] bytes, String name) {
        if (bytes.length == 0) {
            throw new IllegalArgumentException(
                    "A bootstrap needs at least one document, but bytes is empty.");
        }
        if (bits.length == 0) {
            throw new IllegalArgumentException(
                    "A bootstrap needs at least one seed, but %s is empty.".formatted(name));
        }
        for (int document = 0; document < bytes.length; document++) {
            if (bytes[document] <= 0) {
                throw new IllegalArgumentException(
                        ("Documents must have at least one byte, but bytes[%d] is %d; leave"
                                        + " empty documents out.")
                                .formatted(document, bytes[document]));
            }
        }
        for (int seed = 0; seed < bits.length; seed++) {
            if (bits[seed].length != bytes.length) {
                throw new IllegalArgumentException(
                        ("%s[%d] has %d documents, but bytes has %d; score every seed on the"
                                        + " same documents.")
                                .formatted(name, seed, bits[seed].length, bytes.length));
            }
            for (int document = 0; document < bytes.length; document++) {
                if (!Double.isFinite(bits[seed][document])) {
                    throw new IllegalArgumentException(
                            ("%s[%d][%d] is %s, but bits must be finite; a diverged run has no"
                                            + " interval.")
                                    .formatted(name, seed, document, bits[seed][document]));
                }
            }
        }
    }
}
