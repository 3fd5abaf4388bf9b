package org.retain4j.merging.method;

import java.io.IOException;
import java.util.Arrays;

/**
 * Base plus trimmed, weighted and added changes of models: what task arithmetic, TIES, DARE, DELLA
 * and breadcrumbs have in common.
 */
final class Changes {

    private static final float NO_WEIGHT = 1e-8f;

    private Changes() {}

    /**
     * Merges a tensor.
     *
     * @param trim which changes of a model to keep
     * @param elect whether changes whose sign is not that of the weighted sum are left out
     */
    static void merge(TensorMerge tensor, MergeMethod method, Trim.Rule trim, boolean elect)
            throws IOException {
        int n = tensor.models();
        boolean normalize = tensor.flag(method, "normalize");
        float lambda = (float) tensor.number(method, "lambda");
        double[] given = tensor.numbers(method, "weight");
        Trim[] trims = new Trim[n];
        float[] weights = new float[n];
        for (int i = 0; i < n; i++) {
            weights[i] = tensor.held((float) given[i]);
            trims[i] = trim.start(tensor, i);
        }
        tensor.rows(
                (at, count) -> {
                    float[][] x = Gram.read(tensor, true, at, count);
                    for (int i = 0; i < n; i++) {
                        trims[i].apply(at, x[i], count);
                    }
                    float[] result = tensor.buffer(n + 1, count);
                    if (tensor.isBfloat()) {
                        rounded(tensor, x, weights, elect, normalize, lambda, result, count);
                    } else if (elect) {
                        elect(x, weights, normalize, lambda, result, count);
                    } else {
                        add(x, weights, normalize, lambda, result, count);
                    }
                    tensor.write(result, count);
                });
    }

    private static void add(
            float[][] x,
            float[] weights,
            boolean normalize,
            float lambda,
            float[] result,
            int count) {
        int n = weights.length;
        float sum = 0;
        for (float weight : weights) {
            sum += weight;
        }
        float factor = lambda / (normalize && Math.abs(sum) >= NO_WEIGHT ? sum : 1);
        for (int i = 0; i < n; i++) {
            float weight = weights[i];
            float[] change = x[i];
            for (int k = 0; k < count; k++) {
                result[k] = (i == 0 ? 0 : result[k]) + weight * change[k];
            }
        }
        float[] base = x[n];
        for (int k = 0; k < count; k++) {
            result[k] = base[k] + result[k] * factor;
        }
    }

    private static void elect(
            float[][] x,
            float[] weights,
            boolean normalize,
            float lambda,
            float[] result,
            int count) {
        int n = weights.length;
        float[] votes = new float[count];
        for (int i = 0; i < n; i++) {
            float weight = weights[i];
            float[] change = x[i];
            for (int k = 0; k < count; k++) {
                votes[k] += weight * change[k];
            }
        }
        float[] sums = result;
        float[] agreeing = new float[count];
        Arrays.fill(sums, 0, count, 0);
        for (int i = 0; i < n; i++) {
            agree(x[i], weights[i], votes, sums, agreeing, count);
        }
        float[] base = x[n];
        for (int k = 0; k < count; k++) {
            float sum = sums[k];
            if (normalize && Math.abs(agreeing[k]) >= NO_WEIGHT) {
                sum /= agreeing[k];
            }
            result[k] = base[k] + sum * lambda;
        }
    }

    /**
     * Adds the changes of a model that have the sign of the vote, and its weight where they do.
     * Without branches, as the signs of both are as good as random.
     */
    private static void agree(
            float[] change,
            float weight,
            float[] votes,
            float[] sums,
            float[] agreeing,
            int count) {
        int weightBits = Float.floatToRawIntBits(weight);
        for (int k = 0; k < count; k++) {
            float weighted = weight * change[k];
            int bits = Float.floatToRawIntBits(weighted);
            int magnitude = bits & 0x7fffffff;
            // A vote of -0 counts as positive.
            int vote = Float.floatToRawIntBits(votes[k] + 0f);
            int agrees = ~((bits ^ vote) >> 31) & -magnitude >> 31;
            // What is no number agrees with all votes, so that it stays visible.
            agrees |= 0x7f800000 - magnitude >> 31;
            sums[k] += Float.intBitsToFloat(bits & agrees);
            agreeing[k] += Float.intBitsToFloat(weightBits & agrees);
        }
    }

    /** As the other two, but with every step rounded. */
    private static void rounded(
            TensorMerge tensor,
            float[][] x,
            float[] weights,
            boolean elect,
            boolean normalize,
            float lambda,
            float[] result,
            int count) {
        int n = weights.length;
        for (int k = 0; k < count; k++) {
            float vote = 0;
            for (int i = 0; i < n; i++) {
                vote += tensor.held(weights[i] * x[i][k]);
            }
            vote = tensor.held(vote);
            float sum = 0;
            float divisor = 0;
            for (int i = 0; i < n; i++) {
                float change = tensor.held(weights[i] * x[i][k]);
                if (!elect || (vote >= 0 ? !(change <= 0) : !(change >= 0))) {
                    sum += change;
                    divisor += weights[i];
                }
            }
            sum = tensor.held(sum);
            divisor = tensor.held(divisor);
            if (normalize && Math.abs(divisor) >= NO_WEIGHT) {
                sum = tensor.held(sum / divisor);
            }
            result[k] = tensor.held(x[n][k] + tensor.held(sum * lambda));
        }
    }

    /** Returns a rule that also scales what is left to the sum of magnitudes before. */
    static Trim.Rule rescaled(Trim.Rule rule) {
        return (tensor, model) -> {
            double[] sums = new double[2];
            Trim first = rule.start(tensor, model);
            Trim.forEach(
                    tensor,
                    model,
                    (at, changes, count) -> {
                        sums[0] += magnitude(changes, count);
                        first.apply(at, changes, count);
                        sums[1] += magnitude(changes, count);
                    });
            float factor = sums[1] == 0 ? 1 : (float) (sums[0] / sums[1]);
            Trim again = rule.start(tensor, model);
            return (at, changes, count) -> {
                again.apply(at, changes, count);
                for (int k = 0; k < count; k++) {
                    changes[k] *= factor;
                }
            };
        };
    }

    private static double magnitude(float[] values, int count) {
        double sum = 0;
        for (int k = 0; k < count; k++) {
            sum += Math.abs(values[k]);
        }
        return sum;
    }

    /** Returns a share of entries that must lie between 0 and 1. */
    static double share(TensorMerge tensor, MergeMethod method, int model, String setting) {
        double value = tensor.number(method, model, setting);
        if (!(value >= 0 && value <= 1)) {
            throw new IllegalArgumentException(
                    method.info().name()
                            + " has "
                            + setting
                            + " "
                            + value
                            + "; expected a share from 0 to 1");
        }
        return value;
    }
}
