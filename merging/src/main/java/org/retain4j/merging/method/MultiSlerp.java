package org.retain4j.merging.method;

import java.io.IOException;
import java.util.Arrays;
import java.util.List;

/**
 * Mean direction of models, or of their changes against a base, at their mean length.
 *
 * <p>The method projects the unit vectors on the tangent plane of their normalised weighted mean,
 * sums them with the same weights, and returns to the sphere. That sum is zero by construction, so
 * the result lies on the mean itself, and its length is the weighted mean of the lengths.
 */
record MultiSlerp() implements MergeMethod {

    @Override
    public MethodInfo info() {
        return new MethodInfo(
                "multislerp",
                "Goddard et al., Arcee's MergeKit, 2403.13257",
                MethodInfo.Base.OPTIONAL,
                2,
                MethodInfo.MANY,
                List.of(
                        Setting.ofModel("weight", null),
                        Setting.flag("normalize_weights", true),
                        Setting.number("eps", 1e-8)));
    }

    @Override
    public void merge(TensorMerge tensor) throws IOException {
        double[] weights = tensor.numbers(this, "weight");
        double eps = tensor.number(this, "eps");
        if (tensor.flag(this, "normalize_weights")) {
            double sum = Arrays.stream(weights).sum();
            if (sum == 0) {
                throw new ArithmeticException(
                        "the weights of multislerp add up to 0, which normalize_weights cannot"
                                + " divide by; change a weight");
            }
            weights = Arrays.stream(weights).map(weight -> weight / sum).toArray();
        }
        boolean deltas = tensor.hasBase();
        double[][] gram = Gram.of(tensor, deltas);
        double[] coefficients = new double[weights.length];
        double length = 0;
        for (int i = 0; i < weights.length; i++) {
            double norm = Math.sqrt(gram[i][i]);
            coefficients[i] = weights[i] / (norm + eps);
            length += weights[i] * norm;
        }
        double mean = Math.sqrt(Math.max(0, square(gram, coefficients)));
        if (mean < eps) {
            boolean zero =
                    Arrays.stream(gram).flatMapToDouble(Arrays::stream).allMatch(g -> g == 0);
            if (weights.length > 2 && !zero) {
                throw new ArithmeticException(
                        "the directions of the models cancel out, so multislerp has no mean"
                                + " direction; change the weights");
            }
            tensor.warn("the models have no common direction, so multislerp is a straight line");
            Gram.write(tensor, deltas, weights);
            return;
        }
        for (int i = 0; i < weights.length; i++) {
            coefficients[i] *= length / mean;
        }
        Gram.write(tensor, deltas, coefficients);
    }

    /** Returns the squared length of a linear combination. */
    static double square(double[][] gram, double[] coefficients) {
        double sum = 0;
        for (int i = 0; i < coefficients.length; i++) {
            for (int j = 0; j < coefficients.length; j++) {
                sum += coefficients[i] * coefficients[j] * gram[i][j];
            }
        }
        return sum;
    }
}
