package org.retain4j.evaluation.statistics;

import java.util.function.ToDoubleFunction;
import java.util.stream.DoubleStream;

/**
 * Standard errors as lm-evaluation-harness 0.4.13 reports them. Stateless and thread-safe.
 *
 * <p>They describe one score alone. Two scores on the same items are compared with {@link
 * PairedBootstrap} or {@link McNemar}, which are much sharper.
 */
public final class StandardError {

    /** How many bootstrap samples the harness draws unless told otherwise. */
    public static final int HARNESS_ITERATIONS = 100_000;

    private static final int CHUNK = 1000;

    private StandardError() {}

    /**
     * Returns the standard error of a mean: the sample standard deviation by √n; NaN for fewer than
     * two values.
     */
    public static double ofMean(double... values) {
        return values.length < 2 ? Double.NaN : sampleDeviation(values) / Math.sqrt(values.length);
    }

    private static double sampleDeviation(double[] values) {
        double mean = DoubleStream.of(values).sum() / values.length;
        double squares = DoubleStream.of(values).map(x -> (x - mean) * (x - mean)).sum();
        return Math.sqrt(squares / (values.length - 1));
    }

    /**
     * Returns the standard deviation of a statistic over bootstrap samples, drawn as the harness
     * draws them: in chunks of 1,000, the generator of each seeded by its number.
     *
     * @param statistic may read its argument only during the call
     * @param values at least one
     * @param iterations number of samples; a number above 1,000 is rounded down to whole thousands
     * @return NaN for fewer than two samples
     * @throws IllegalArgumentException if there is no value
     */
    public static double bootstrap(
            ToDoubleFunction<double[]> statistic, double[] values, int iterations) {
        if (values.length == 0) {
            throw new IllegalArgumentException("a bootstrap needs at least one value");
        }
        int chunk = Math.min(CHUNK, iterations);
        if (chunk < 2) {
            return Double.NaN;
        }
        double[] found = new double[iterations / chunk * chunk];
        double[] sample = new double[values.length];
        for (int c = 0; c < found.length / chunk; c++) {
            PythonRandom random = new PythonRandom(c);
            for (int i = 0; i < chunk; i++) {
                for (int k = 0; k < sample.length; k++) {
                    sample[k] = values[(int) (random.random() * values.length)];
                }
                found[c * chunk + i] = statistic.applyAsDouble(sample);
            }
        }
        return sampleDeviation(found);
    }

    /**
     * Returns the standard error of the size-weighted mean of several tasks from those of the
     * tasks, by the pooled sample variance.
     *
     * @param errors standard error of each task's mean
     * @param sizes number of items of each task
     * @throws IllegalArgumentException if the lengths differ or there is none
     */
    public static double pooled(double[] errors, int[] sizes) {
        if (errors.length != sizes.length || errors.length == 0) {
            throw new IllegalArgumentException(
                    "pooling needs one size for each error, but got %d errors and %d sizes"
                            .formatted(errors.length, sizes.length));
        }
        double sum = 0;
        double all = 0;
        for (int i = 0; i < sizes.length; i++) {
            sum += (sizes[i] - 1.0) * errors[i] * errors[i] * sizes[i];
            all += sizes[i];
        }
        return Math.sqrt(sum / (all - sizes.length) / all);
    }
}
