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
        if (tensor.isBfloat()) {
            rounded(tensor, tensor.flag(this, "filter_wise") && tensor.shape().size() > 1, clamp);
            return;
        }
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

    /** As the other two, but with every step rounded. */
    private static void rounded(TensorMerge tensor, boolean byRow, boolean clamp)
            throws IOException {
        int n = tensor.models();
        int row = Math.max(1, tensor.rowLength());
        double[][] all = new double[n][n];
        if (!byRow) {
            tensor.parts(
                    (at, count) ->
                            addRounded(tensor, Gram.read(tensor, true, at, count), 0, count, all));
        }
        float whole = byRow ? 0 : roundedShare(tensor, all, clamp);
        float[][] models = new float[n][];
        tensor.rows(
                (at, count) -> {
                    float[][] x = Gram.read(tensor, true, at, count);
                    for (int i = 0; i < n; i++) {
                        models[i] = tensor.buffer(n + 1 + i, count);
                        tensor.model(i, at, models[i], count);
                    }
                    for (int from = 0; from < count; from += row) {
                        float t = whole;
                        if (byRow) {
                            double[][] gram = new double[n][n];
                            addRounded(tensor, x, from, from + row, gram);
                            t = roundedShare(tensor, gram, clamp);
                        }
                        float rest = tensor.held(1 - t);
                        for (int k = from; k < from + row; k++) {
                            float sum = 0;
                            for (float[] model : models) {
                                sum = tensor.held(sum + model[k]);
                            }
                            float moved = tensor.held(t * tensor.held(sum / n));
                            x[0][k] = tensor.held(moved + tensor.held(rest * x[n][k]));
                        }
                    }
                    tensor.write(x[0], count);
                });
    }

    /** Adds the products of changes, those of different models rounded before they are added. */
    private static void addRounded(
            TensorMerge tensor, float[][] x, int from, int to, double[][] gram) {
        for (int i = 0; i < gram.length; i++) {
            gram[i][i] += Gram.dot(x[i], x[i], from, to);
            for (int j = 0; j < i; j++) {
                for (int k = from; k < to; k++) {
                    gram[i][j] += tensor.held(x[i][k] * x[j][k]);
                }
            }
        }
    }

    private static float roundedShare(TensorMerge tensor, double[][] gram, boolean clamp) {
        int n = gram.length;
        float sum = 0;
        for (int i = 0; i < n; i++) {
            for (int j = 0; j < i; j++) {
                float length =
                        tensor.held(
                                tensor.held((float) Math.sqrt(gram[i][i]))
                                        * tensor.held((float) Math.sqrt(gram[j][j])));
                float cosine = tensor.held((float) gram[i][j]) / Math.max(length, 1e-6f);
                sum += Math.max(-1, Math.min(1, tensor.held(cosine)));
            }
        }
        float mean = tensor.held(sum / (n * (n - 1) / 2f));
        float t = tensor.held(tensor.held(n * mean) / tensor.held(1 + tensor.held((n - 1) * mean)));
        warnApart(tensor, t, mean, clamp);
        return clamp ? Math.max(0, Math.min(1, t)) : t;
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
        warnApart(tensor, t, cosine, clamp);
        return clamp ? Math.max(0, Math.min(1, t)) : t;
    }

    private static void warnApart(TensorMerge tensor, double t, double cosine, boolean clamp) {
        if (t < 0) {
            tensor.warn(
                    "the changes of the models point apart (mean cosine "
                            + (float) cosine
                            + "), so model_stock moves "
                            + (clamp ? "not at all" : "away from them; set clamp: true"));
        }
    }
}
