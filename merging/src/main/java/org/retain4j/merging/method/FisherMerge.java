package org.retain4j.merging.method;

import java.io.IOException;
import java.util.List;

/**
 * Mean of models in which every weight counts as much as it matters to its model: Matena and
 * Raffel, "Merging models with Fisher-weighted averaging", 2111.09832.
 *
 * <p>θ = Σ λ F θ / Σ λ F, with F the diagonal Fisher information of each model plus a floor, which
 * decides where no model cares. Tensors without information are plainly averaged.
 */
record FisherMerge() implements MergeMethod {

    @Override
    public MethodInfo info() {
        return new MethodInfo(
                "fisher",
                "Matena and Raffel, Merging models with Fisher-weighted averaging, 2111.09832",
                MethodInfo.Base.MODEL,
                1,
                MethodInfo.MANY,
                List.of(Setting.ofModel("weight", 1.0), Setting.number("floor", 1e-6)));
    }

    @Override
    public Statistics statistics() {
        return Statistics.FISHER;
    }

    @Override
    public void merge(TensorMerge tensor) throws IOException {
        double[] weights = tensor.numbers(this, "weight");
        double floor = tensor.number(this, "floor");
        if (!(floor >= 0)) {
            throw new IllegalArgumentException(
                    "fisher has floor " + floor + "; expected 0 or more");
        }
        boolean informed = tensor.hasStatistics();
        if (!informed) {
            tensor.warn("there is no Fisher information, so the models count alike");
        }
        int n = weights.length;
        tensor.parts(
                (at, count) -> {
                    float[] first = tensor.buffer(0, count);
                    float[] x = tensor.buffer(1, count);
                    float[] sum = tensor.buffer(2, count);
                    float[] divisor = tensor.buffer(3, count);
                    float[] fisher = tensor.buffer(4, count);
                    tensor.model(0, at, first, count);
                    for (int i = 0; i < n; i++) {
                        float weight = (float) weights[i];
                        tensor.model(i, at, x, count);
                        if (informed) {
                            tensor.statistic(i, at, fisher, count);
                        }
                        for (int k = 0; k < count; k++) {
                            float factor = weight * (informed ? fisher[k] + (float) floor : 1);
                            // Sums of differences leave equal models exactly as they are.
                            float change = factor * (x[k] - first[k]);
                            sum[k] = i == 0 ? change : sum[k] + change;
                            divisor[k] = i == 0 ? factor : divisor[k] + factor;
                        }
                    }
                    for (int k = 0; k < count; k++) {
                        first[k] += divisor[k] == 0 ? 0 : sum[k] / divisor[k];
                    }
                    tensor.write(first, count);
                });
    }
}
