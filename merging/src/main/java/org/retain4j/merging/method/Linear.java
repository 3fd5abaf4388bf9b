package org.retain4j.merging.method;

import java.io.IOException;
import java.util.List;

/** Weighted mean of models: Wortsman et al., "Model soups", 2203.05482. */
record Linear() implements MergeMethod {

    @Override
    public MethodInfo info() {
        return new MethodInfo(
                "linear",
                "Wortsman et al., Model soups, 2203.05482",
                MethodInfo.Base.MODEL,
                1,
                MethodInfo.MANY,
                List.of(Setting.ofModel("weight", null), Setting.flag("normalize", true)));
    }

    @Override
    public void merge(TensorMerge tensor) throws IOException {
        double[] weights = tensor.numbers(this, "weight");
        double sum = 0;
        boolean normalize = tensor.flag(this, "normalize");
        if (normalize) {
            for (double weight : weights) {
                sum += weight;
            }
            if (sum == 0 && !tensor.isParity()) {
                throw new ArithmeticException(
                        "the weights of linear add up to 0, which normalize cannot divide by; set"
                                + " normalize: false or change a weight");
            }
            for (int i = 0; i < weights.length && !tensor.isBfloat(); i++) {
                weights[i] /= sum;
            }
        }
        if (tensor.isBfloat()) {
            rounded(tensor, weights, normalize);
            return;
        }
        tensor.parts(
                (at, count) -> {
                    float[] in = tensor.buffer(0, count);
                    float[] mean = tensor.buffer(1, count);
                    for (int i = 0; i < weights.length; i++) {
                        tensor.model(i, at, in, count);
                        float weight = (float) weights[i];
                        for (int k = 0; k < count; k++) {
                            mean[k] = (i == 0 ? 0 : mean[k]) + weight * in[k];
                        }
                    }
                    tensor.write(mean, count);
                });
    }

    private static void rounded(TensorMerge tensor, double[] weights, boolean normalize)
            throws IOException {
        float all = 0;
        for (double weight : weights) {
            all += tensor.held((float) weight);
        }
        float divisor = normalize ? tensor.held(all) : 1;
        tensor.parts(
                (at, count) -> {
                    float[] in = tensor.buffer(0, count);
                    float[] mean = tensor.buffer(1, count);
                    for (int i = 0; i < weights.length; i++) {
                        tensor.model(i, at, in, count);
                        float weight = tensor.held((float) weights[i]);
                        for (int k = 0; k < count; k++) {
                            mean[k] = (i == 0 ? 0 : mean[k]) + tensor.held(weight * in[k]);
                        }
                    }
                    for (int k = 0; k < count; k++) {
                        mean[k] = tensor.held(tensor.held(mean[k]) / divisor);
                    }
                    tensor.write(mean, count);
                });
    }
}
