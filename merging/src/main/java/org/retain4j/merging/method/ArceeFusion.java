package org.retain4j.merging.method;

import java.io.IOException;
import java.util.List;

/**
 * Takes the changes of a model whose importance stands out: magnitude times the divergence of the
 * rows as distributions, above the median plus one and a half times the distance of the quartiles.
 *
 * <p>The quantiles are those of all entries, however many there are.
 */
record ArceeFusion() implements MergeMethod {

    private static final double RANGES = 1.5;

    @Override
    public MethodInfo info() {
        return new MethodInfo(
                "arcee_fusion",
                "Goddard et al., Arcee's MergeKit, 2403.13257",
                MethodInfo.Base.REQUIRED,
                1,
                1,
                List.of());
    }

    @Override
    public void merge(TensorMerge tensor) throws IOException {
        long size = tensor.size();
        if (size == 0) {
            return;
        }
        int row = Math.max(1, tensor.rowLength());
        double[] divergence = new double[Math.toIntExact(size / row)];
        tensor.rows(
                (at, count) -> {
                    float[] base = tensor.buffer(0, count);
                    float[] x = tensor.buffer(1, count);
                    tensor.base(at, base, count);
                    tensor.model(0, at, x, count);
                    for (int from = 0; from < count; from += row) {
                        divergence[(int) ((at + from) / row)] = divergence(x, base, from, row);
                    }
                });
        RankSelection.Pass importance =
                consumer ->
                        Trim.forEach(
                                tensor,
                                0,
                                (at, changes, count) -> {
                                    for (int k = 0; k < count; k++) {
                                        double kl = divergence[(int) ((at + k) / row)];
                                        changes[k] = importance(changes[k], kl);
                                    }
                                    consumer.accept(changes, count);
                                });
        long[] ranks = new long[6];
        for (int q = 0; q < 3; q++) {
            ranks[2 * q] = (size - 1) * (q + 1) / 4;
            ranks[2 * q + 1] = Math.min(size - 1, ranks[2 * q] + 1);
        }
        RankSelection.Ranked[] found = RankSelection.find(importance, ranks);
        double[] quartiles = new double[3];
        for (int q = 0; q < 3; q++) {
            double share = (size - 1) * (q + 1) % 4 / 4.0;
            quartiles[q] =
                    found[2 * q].value()
                            + share * (found[2 * q + 1].value() - found[2 * q].value());
        }
        double threshold = quartiles[1] + RANGES * (quartiles[2] - quartiles[0]);
        tensor.rows(
                (at, count) -> {
                    float[] base = tensor.buffer(0, count);
                    float[] x = tensor.buffer(1, count);
                    tensor.base(at, base, count);
                    tensor.model(0, at, x, count);
                    for (int k = 0; k < count; k++) {
                        float change = x[k] - base[k];
                        double kl = divergence[(int) ((at + k) / row)];
                        base[k] += importance(change, kl) >= threshold ? change : 0;
                    }
                    tensor.write(base, count);
                });
    }

    private static float importance(float change, double divergence) {
        return (float) (Math.abs(change) * divergence);
    }

    /** Returns the Kullback-Leibler divergence of the softmax of two rows, at least 0. */
    private static double divergence(float[] x, float[] base, int from, int row) {
        float xMax = Float.NEGATIVE_INFINITY;
        float baseMax = Float.NEGATIVE_INFINITY;
        for (int k = from; k < from + row; k++) {
            xMax = Math.max(xMax, x[k]);
            baseMax = Math.max(baseMax, base[k]);
        }
        double xSum = 0;
        double baseSum = 0;
        double sum = 0;
        for (int k = from; k < from + row; k++) {
            double weight = Math.exp(x[k] - xMax);
            xSum += weight;
            baseSum += Math.exp(base[k] - baseMax);
            sum += weight * ((double) x[k] - xMax - ((double) base[k] - baseMax));
        }
        return Math.max(0, sum / xSum - Math.log(xSum) + Math.log(baseSum));
    }
}
