package org.retain4j.merging.method;

import java.io.IOException;
import java.util.List;

/**
 * Mean of directions on the sphere, at the mean length: Grove and Karcher, "How to conjugate
 * C1-close group actions", 1973.
 *
 * <p>All iterates are linear combinations of the models, so the iteration works on their
 * coefficients and inner products and touches the tensor only once before and once after.
 */
record Karcher() implements MergeMethod {

    @Override
    public MethodInfo info() {
        return new MethodInfo(
                "karcher",
                "Grove and Karcher, How to conjugate C1-close group actions, 1973",
                MethodInfo.Base.MODEL,
                2,
                MethodInfo.MANY,
                List.of(
                        Setting.ofModel("weight", 1.0),
                        Setting.number("max_iter", 10),
                        Setting.number("tol", 1e-5)));
    }

    @Override
    public void merge(TensorMerge tensor) throws IOException {
        double[] weights = tensor.numbers(this, "weight");
        int n = weights.length;
        double[][] gram = Gram.of(tensor, false);
        double all = 0;
        double directed = 0;
        double length = 0;
        double[] norms = new double[n];
        for (int i = 0; i < n; i++) {
            norms[i] = Math.sqrt(gram[i][i]);
            all += weights[i];
            directed += norms[i] == 0 ? 0 : weights[i];
            length += weights[i] * norms[i];
        }
        if (all == 0 || (length != 0 && directed == 0)) {
            throw new ArithmeticException(
                    "the weights of karcher add up to 0; change a weight of a model");
        }
        double[] direction = new double[n];
        for (int i = 0; i < n; i++) {
            direction[i] = norms[i] == 0 ? 0 : weights[i] / directed / norms[i];
        }
        if (!scale(direction, gram) && length != 0) {
            tensor.warn("the directions cancel out, so karcher starts from the first model");
            for (int i = 0, found = 0; i < n; i++) {
                direction[i] = norms[i] != 0 && found++ == 0 ? 1 / norms[i] : 0;
            }
        }
        int rounds = (int) tensor.number(this, "max_iter");
        double tol = tensor.number(this, "tol");
        for (int round = 0; round < rounds; round++) {
            double[] tangent = new double[n];
            for (int i = 0; i < n; i++) {
                if (norms[i] == 0) {
                    continue;
                }
                double cosine = 0;
                for (int j = 0; j < n; j++) {
                    cosine += direction[j] * gram[i][j] / norms[i];
                }
                double angle = Math.acos(Math.max(-1, Math.min(1, cosine)));
                double sine = Math.sin(angle);
                if (Math.abs(sine) < 1e-12) {
                    continue;
                }
                double share = weights[i] / directed * angle / sine;
                tangent[i] += share / norms[i];
                for (int j = 0; j < n; j++) {
                    tangent[j] -= share * cosine * direction[j];
                }
            }
            double step = Math.sqrt(Math.max(0, MultiSlerp.square(gram, tangent)));
            if (step < tol) {
                break;
            }
            for (int i = 0; i < n; i++) {
                direction[i] = Math.cos(step) * direction[i] + Math.sin(step) / step * tangent[i];
            }
            scale(direction, gram);
        }
        for (int i = 0; i < n; i++) {
            direction[i] *= length / all;
        }
        Gram.write(tensor, false, direction);
    }

    /** Gives a combination the length 1, unless it has none. */
    private static boolean scale(double[] direction, double[][] gram) {
        double norm = Math.sqrt(Math.max(0, MultiSlerp.square(gram, direction)));
        if (norm < 1e-12) {
            return false;
        }
        for (int i = 0; i < direction.length; i++) {
            direction[i] /= norm;
        }
        return true;
    }
}
