package org.retain4j.merging.method;

import java.io.IOException;
import java.util.List;

/**
 * Mean of models, drawn to their base as far as the angles between their changes tell: Jang et al.,
 * "Model Stock", 2403.19522.
 */
record ModelStock() implements MergeMethod {

    @Override
    public MethodInfo info() {
        return new MethodInfo(
                "model_stock",
                "Jang et al., Model Stock, 2403.19522",
                MethodInfo.Base.REQUIRED,
                2,
                MethodInfo.MANY,
                List.of(Setting.flag("filter_wise", false), Setting.flag("clamp", false)));
    }

    @Override
    public void merge(TensorMerge tensor) throws IOException {
        boolean clamp = tensor.flag(this, "clamp");
        if (tensor.flag(this, "filter_wise") && tensor.shape().size() > 1) {
            byRow(tensor, clamp);
            return;
        }
        double[][] gram = Gram.of(tensor, true);
        double t = share(tensor, gram, clamp);
        int n = tensor.models();
        tensor.parts(
                (at, count) -> {
                    float[][] x = Gram.read(tensor, true, at, count);
                    mix(x, n, t, 0, count);
                    tensor.write(x[0], count);
                });
    }

    private static void byRow(TensorMerge tensor, boolean clamp) throws IOException {
        int n = tensor.models();
        int row = Math.max(1, tensor.rowLength());
        tensor.rows(
                (at, count) -> {
                    float[][] x = Gram.read(tensor, true, at, count);
                    for (int from = 0; from < count; from += row) {
                        double[][] gram = new double[n][n];
                        for (int i = 0; i < n; i++) {
                            for (int j = 0; j < n; j++) {
                                gram[i][j] = Gram.dot(x[i], x[j], from, from + row);
                            }
                        }
                        mix(x, n, share(tensor, gram, clamp), from, from + row);
                    }
                    tensor.write(x[0], count);
                });
    }

    /** Puts base plus t times the mean change in place of the first change. */
    private static void mix(float[][] x, int n, double t, int from, int to) {
        for (int k = from; k < to; k++) {
            double sum = 0;
            for (int i = 0; i < n; i++) {
                sum += x[i][k];
            }
            x[0][k] = (float) (x[n][k] + t * sum / n);
        }
    }

    private static double share(TensorMerge tensor, double[][] gram, boolean clamp) {
        int n = gram.length;
        double sum = 0;
        for (int i = 0; i < n; i++) {
            for (int j = 0; j < i; j++) {
                double lengths =
                        Math.max(Math.sqrt(gram[i][i]), 1e-8)
                                * Math.max(Math.sqrt(gram[j][j]), 1e-8);
                sum += gram[i][j] / lengths;
            }
        }
        double cosine = sum / (n * (n - 1) / 2.0);
        double t = n * cosine / (1 + (n - 1) * cosine);
        if (t < 0) {
            tensor.warn(
                    "the changes of the models point apart (mean cosine "
                            + (float) cosine
                            + "), so model_stock moves "
                            + (clamp ? "not at all" : "away from them; set clamp: true"));
        }
        return clamp ? Math.max(0, Math.min(1, t)) : t;
    }
}
