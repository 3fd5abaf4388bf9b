package org.retain4j.merging.method;

import java.io.IOException;
import java.util.Arrays;
import java.util.List;

/**
 * The linear layer whose outputs are nearest to those of the models' layers on their own inputs:
 * Jin et al., "Dataless knowledge fusion by merging weights of language models", 2212.09849.
 *
 * <p>W = (Σ c W G) (Σ c G)⁻¹ with G the mean of x xᵀ over a layer's inputs x, whose entries off the
 * diagonal are multiplied by alpha. Tensors without such products are plainly averaged. Solved by
 * Cholesky's decomposition in double precision, with a ridge of a millionth of the mean of the
 * diagonal; memory is eight bytes times the square of the inputs, time its third power.
 */
record RegMean() implements MergeMethod {

    private static final double RIDGE = 1e-6;

    /** Rows of the result that are solved for at once. */
    private static final int ROWS = 32;

    @Override
    public MethodInfo info() {
        return new MethodInfo(
                "regmean",
                "Jin et al., Dataless knowledge fusion by merging weights of language models,"
                        + " 2212.09849",
                MethodInfo.Base.MODEL,
                1,
                MethodInfo.MANY,
                List.of(Setting.ofModel("weight", 1.0), Setting.number("alpha", 0.1)));
    }

    @Override
    public Statistics statistics() {
        return Statistics.GRAM;
    }

    @Override
    public long memory(List<Long> shape, int models) {
        long in = shape.size() == 2 ? shape.get(1) : 0;
        return TensorMerge.memory(shape, models)
                + in * in * Double.BYTES
                + 2 * ROWS * in * Double.BYTES;
    }

    @Override
    public void merge(TensorMerge tensor) throws IOException {
        double[] weights = tensor.numbers(this, "weight");
        double alpha = tensor.number(this, "alpha");
        if (!(alpha >= 0 && alpha <= 1)) {
            throw new IllegalArgumentException(
                    "regmean has alpha " + alpha + "; expected a number from 0 to 1");
        }
        double all = 0;
        for (double weight : weights) {
            all += weight;
        }
        if (all == 0) {
            throw new ArithmeticException(
                    "the weights of regmean add up to 0; change a weight of a model");
        }
        if (tensor.hasStatistics()) {
            solve(tensor, weights, alpha);
        } else {
            mean(tensor, weights, all);
        }
    }

    private static void mean(TensorMerge tensor, double[] weights, double all) throws IOException {
        tensor.parts(
                (at, count) -> {
                    float[] first = tensor.buffer(0, count);
                    float[] x = tensor.buffer(1, count);
                    float[] sum = tensor.buffer(2, count);
                    tensor.model(0, at, first, count);
                    for (int i = 0; i < weights.length; i++) {
                        float weight = (float) (weights[i] / all);
                        tensor.model(i, at, x, count);
                        for (int k = 0; k < count; k++) {
                            float change = weight * (x[k] - first[k]);
                            sum[k] = i == 0 ? change : sum[k] + change;
                        }
                    }
                    for (int k = 0; k < count; k++) {
                        first[k] += sum[k];
                    }
                    tensor.write(first, count);
                });
    }

    private static void solve(TensorMerge tensor, double[] weights, double alpha)
            throws IOException {
        int in = tensor.rowLength();
        int out = Math.toIntExact(tensor.size() / Math.max(1, in));
        double[] factor = products(tensor, weights, alpha, in);
        decompose(factor, in);
        float[] first = new float[ROWS * in];
        float[] x = new float[ROWS * in];
        double[] changes = new double[in * ROWS];
        double[] sides = new double[in * ROWS];
        float[] row = new float[in];
        for (int from = 0; from < out; from += ROWS) {
            int rows = Math.min(ROWS, out - from);
            Arrays.fill(sides, 0);
            tensor.model(0, (long) from * in, first, rows * in);
            for (int i = 1; i < weights.length; i++) {
                tensor.model(i, (long) from * in, x, rows * in);
                turn(x, first, changes, rows, in);
                for (int k = 0; k < in; k++) {
                    tensor.statistic(i, (long) k * in, row, in);
                    for (int j = 0; j < in; j++) {
                        double entry = weights[i] * row[j] * (j == k ? 1 : alpha);
                        axpy(entry, changes, k * ROWS, sides, j * ROWS);
                    }
                }
            }
            substitute(factor, sides, in);
            for (int r = 0; r < rows; r++) {
                for (int k = 0; k < in; k++) {
                    first[r * in + k] = (float) (first[r * in + k] + sides[k * ROWS + r]);
                }
            }
            tensor.write(first, rows * in);
        }
    }

    /** Returns the sum of the products of all models, in its lower half. */
    private static double[] products(TensorMerge tensor, double[] weights, double alpha, int in)
            throws IOException {
        double[] sum = new double[Math.multiplyExact(in, in)];
        float[] row = new float[in];
        for (int i = 0; i < weights.length; i++) {
            for (int k = 0; k < in; k++) {
                tensor.statistic(i, (long) k * in, row, in);
                for (int j = 0; j <= k; j++) {
                    sum[k * in + j] += weights[i] * row[j] * (j == k ? 1 : alpha);
                }
            }
        }
        double trace = 0;
        for (int k = 0; k < in; k++) {
            trace += sum[k * in + k];
        }
        for (int k = 0; k < in; k++) {
            sum[k * in + k] += trace == 0 ? 1 : RIDGE * trace / in;
        }
        return sum;
    }

    /** Puts the differences of two blocks of rows down with a row for every input. */
    private static void turn(float[] x, float[] first, double[] target, int rows, int in) {
        for (int k = 0; k < in; k++) {
            for (int r = 0; r < ROWS; r++) {
                target[k * ROWS + r] = r < rows ? (double) x[r * in + k] - first[r * in + k] : 0;
            }
        }
    }

    private static void axpy(double factor, double[] x, int from, double[] y, int to) {
        for (int r = 0; r < ROWS; r++) {
            y[to + r] += factor * x[from + r];
        }
    }

    /** Replaces the lower half of a matrix by its Cholesky factor. */
    private static void decompose(double[] a, int n) {
        for (int i = 0; i < n; i++) {
            for (int j = 0; j <= i; j++) {
                double rest = a[i * n + j] - dot(a, i * n, j * n, j);
                if (i != j) {
                    a[i * n + j] = rest / a[j * n + j];
                } else if (rest > 0) {
                    a[i * n + i] = Math.sqrt(rest);
                } else {
                    throw new ArithmeticException(
                            "the products of the layer's inputs have no unique solution; give"
                                    + " statistics of more text, positive weights or a smaller"
                                    + " alpha");
                }
            }
        }
    }

    private static double dot(double[] a, int i, int j, int count) {
        double even = 0;
        double odd = 0;
        int k = 0;
        for (; k + 1 < count; k += 2) {
            even += a[i + k] * a[j + k];
            odd += a[i + k + 1] * a[j + k + 1];
        }
        return even + odd + (k < count ? a[i + k] * a[j + k] : 0);
    }

    /** Solves for all columns of a block at once. */
    private static void substitute(double[] factor, double[] sides, int n) {
        for (int j = 0; j < n; j++) {
            for (int k = 0; k < j; k++) {
                axpy(-factor[j * n + k], sides, k * ROWS, sides, j * ROWS);
            }
            scale(1 / factor[j * n + j], sides, j * ROWS);
        }
        for (int j = n - 1; j >= 0; j--) {
            scale(1 / factor[j * n + j], sides, j * ROWS);
            for (int k = 0; k < j; k++) {
                axpy(-factor[j * n + k], sides, j * ROWS, sides, k * ROWS);
            }
        }
    }

    private static void scale(double factor, double[] y, int at) {
        for (int r = 0; r < ROWS; r++) {
            y[at + r] *= factor;
        }
    }
}
