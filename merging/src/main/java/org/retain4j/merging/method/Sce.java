package org.retain4j.merging.method;

import java.io.IOException;
import java.util.List;

/**
 * Selects entries where the changes differ most, weighs models by the energy of their changes
 * there, and erases changes against the elected sign: Wan et al., "FuseChat", 2408.07990.
 */
record Sce() implements MergeMethod {

    @Override
    public MethodInfo info() {
        return new MethodInfo(
                "sce",
                "Wan et al., FuseChat, 2408.07990",
                MethodInfo.Base.REQUIRED,
                1,
                MethodInfo.MANY,
                List.of(Setting.number("select_topk", 1), Setting.flag("int8_mask", false)));
    }

    @Override
    public void merge(TensorMerge tensor) throws IOException {
        int n = tensor.models();
        Threshold threshold = threshold(tensor, tensor.number(this, "select_topk"));
        double[] energy = new double[n];
        Threshold first = threshold.again();
        tensor.parts(
                (at, count) -> {
                    float[][] x = Gram.read(tensor, true, at, count);
                    first.apply(x, n, count);
                    for (int i = 0; i < n; i++) {
                        energy[i] += Gram.dot(x[i], x[i], 0, count);
                    }
                });
        double sum = 0;
        for (double part : energy) {
            sum += part;
        }
        float[] weights = new float[n];
        for (int i = 0; i < n; i++) {
            weights[i] = (float) (sum == 0 ? 1.0 / n : energy[i] / sum);
        }
        Threshold second = threshold.again();
        tensor.parts(
                (at, count) -> {
                    float[][] x = Gram.read(tensor, true, at, count);
                    second.apply(x, n, count);
                    for (int k = 0; k < count; k++) {
                        x[0][k] = x[n][k] + fuse(x, weights, k);
                    }
                    tensor.write(x[0], count);
                });
    }

    private static float fuse(float[][] x, float[] weights, int k) {
        float vote = 0;
        for (int i = 0; i < weights.length; i++) {
            vote += x[i][k];
        }
        float sum = 0;
        float agreeing = 0;
        for (int i = 0; i < weights.length; i++) {
            float change = x[i][k];
            if (vote >= 0 ? !(change <= 0) : !(change >= 0)) {
                sum += weights[i] * change;
                agreeing += weights[i];
            }
        }
        return agreeing == 0 ? sum : sum / agreeing;
    }

    /** Sets the changes to zero where their variance is not among the largest. */
    private static final class Threshold {

        private final float value;
        private final long kept;
        private long seen;

        Threshold(float value, long kept) {
            this.value = value;
            this.kept = kept;
        }

        Threshold again() {
            return new Threshold(value, kept);
        }

        void apply(float[][] x, int n, int count) {
            for (int k = 0; k < count && value > 0; k++) {
                float variance = variance(x, n, k);
                if (variance < value || (variance == value && seen++ >= kept)) {
                    for (int i = 0; i < n; i++) {
                        x[i][k] = 0;
                    }
                }
            }
        }
    }

    private static Threshold threshold(TensorMerge tensor, double share) throws IOException {
        if (!(share > 0 && share <= 1)) {
            throw new IllegalArgumentException(
                    "sce has select_topk " + share + "; expected a share above 0 and up to 1");
        }
        int n = tensor.models();
        if (share == 1 || n < 2) {
            return new Threshold(0, 0);
        }
        RankSelection.Pass variances =
                consumer ->
                        tensor.parts(
                                (at, count) -> {
                                    float[][] x = Gram.read(tensor, true, at, count);
                                    for (int k = 0; k < count; k++) {
                                        x[0][k] = variance(x, n, k);
                                    }
                                    consumer.accept(x[0], count);
                                });
        long[] nonZero = new long[1];
        variances.run(
                (values, count) -> {
                    for (int k = 0; k < count; k++) {
                        nonZero[0] += values[k] == 0 ? 0 : 1;
                    }
                });
        // The product is taken in float32, which decides where it is close to a whole number.
        long kept = Math.min(nonZero[0], (long) ((float) nonZero[0] * (float) share));
        if (kept == 0) {
            return new Threshold(Float.POSITIVE_INFINITY, 0);
        }
        RankSelection.Ranked end = RankSelection.find(variances, tensor.size() - kept)[0];
        long equal = end.less() + end.equal() - (tensor.size() - kept);
        return new Threshold(end.value(), equal);
    }

    private static float variance(float[][] x, int n, int k) {
        double mean = 0;
        for (int i = 0; i < n; i++) {
            mean += x[i][k];
        }
        mean /= n;
        double sum = 0;
        for (int i = 0; i < n; i++) {
            sum += (x[i][k] - mean) * (x[i][k] - mean);
        }
        return (float) (sum / n);
    }
}
