package org.retain4j.merging.method;

import java.io.IOException;

/** Inner products of the inputs of a merge, summed in double precision. */
final class Gram {

    private Gram() {}

    /** Returns the products of the models, or of their changes against the base. */
    static double[][] of(TensorMerge tensor, boolean deltas) throws IOException {
        int n = tensor.models();
        double[][] sums = new double[n][n];
        tensor.parts(
                (at, count) -> {
                    float[][] x = read(tensor, deltas, at, count);
                    for (int i = 0; i < n; i++) {
                        for (int j = 0; j <= i; j++) {
                            sums[i][j] += dot(x[i], x[j], 0, count);
                        }
                    }
                });
        for (int i = 0; i < n; i++) {
            for (int j = 0; j < i; j++) {
                sums[j][i] = sums[i][j];
            }
        }
        return sums;
    }

    /** Reads a part of every model, less the base if wanted, which is then the last array. */
    static float[][] read(TensorMerge tensor, boolean deltas, long at, int count)
            throws IOException {
        int n = tensor.models();
        float[][] x = new float[n + (deltas ? 1 : 0)][];
        if (deltas) {
            x[n] = tensor.buffer(n, count);
            tensor.base(at, x[n], count);
        }
        for (int i = 0; i < n; i++) {
            x[i] = tensor.buffer(i, count);
            if (deltas) {
                tensor.delta(i, at, x[i], x[n], count);
            } else {
                tensor.model(i, at, x[i], count);
            }
        }
        return x;
    }

    static double dot(float[] a, float[] b, int from, int to) {
        // Four sums, as one would wait for every addition before the next.
        double s0 = 0;
        double s1 = 0;
        double s2 = 0;
        double s3 = 0;
        int k = from;
        for (; k + 3 < to; k += 4) {
            s0 += (double) a[k] * b[k];
            s1 += (double) a[k + 1] * b[k + 1];
            s2 += (double) a[k + 2] * b[k + 2];
            s3 += (double) a[k + 3] * b[k + 3];
        }
        for (; k < to; k++) {
            s0 += (double) a[k] * b[k];
        }
        return s0 + s1 + (s2 + s3);
    }

    /** Writes a linear combination of the models, or the base plus one of their changes. */
    static void write(TensorMerge tensor, boolean deltas, double[] coefficients)
            throws IOException {
        int n = tensor.models();
        tensor.parts(
                (at, count) -> {
                    float[][] x = read(tensor, deltas, at, count);
                    float[] result = tensor.buffer(n + 1, count);
                    for (int k = 0; k < count; k++) {
                        double sum = deltas ? x[n][k] : 0;
                        for (int i = 0; i < n; i++) {
                            sum += coefficients[i] * x[i][k];
                        }
                        result[k] = (float) sum;
                    }
                    tensor.write(result, count);
                });
    }
}
