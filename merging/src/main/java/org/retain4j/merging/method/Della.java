package org.retain4j.merging.method;

import java.io.IOException;
import java.util.Arrays;

/**
 * Drops changes at random, small ones more often: Deep et al., "DELLA-Merging", 2406.11617.
 *
 * <p>Within a row, the probability to be kept grows evenly with the rank of the magnitude, from
 * density − epsilon to density + epsilon.
 *
 * @param linear whether all changes are added, without electing a sign for every entry
 */
record Della(boolean linear) implements MergeMethod {

    @Override
    public MethodInfo info() {
        return TaskArithmetic.family(
                        linear ? "della_linear" : "della",
                        "Deep et al., DELLA-Merging, 2406.11617",
                        !linear)
                .with(
                        Setting.ofModel("density", 1.0),
                        Setting.ofModel("epsilon", 0.15),
                        Setting.flag("rescale", true));
    }

    @Override
    public void merge(TensorMerge tensor) throws IOException {
        int row = Math.max(1, tensor.rowLength());
        Trim.Rule rule =
                (merge, model) -> {
                    double density = Changes.share(merge, this, model, "density");
                    double epsilon = merge.number(this, model, "epsilon");
                    Draws draws = merge.draws();
                    if (density == 1) {
                        return Trim.none();
                    }
                    if (!(epsilon >= 0 && density - epsilon > 0 && density + epsilon < 1)) {
                        throw new IllegalArgumentException(
                                info().name()
                                        + " has density "
                                        + density
                                        + " and epsilon "
                                        + epsilon
                                        + "; their difference and sum must lie between 0 and 1");
                    }
                    return (at, changes, count) -> {
                        for (int from = 0; from < count; from += row) {
                            float[] kept = probabilities(changes, from, row, density, epsilon);
                            for (int k = 0; k < row; k++) {
                                if (draws.at(model, at + from + k) >= kept[k]) {
                                    changes[from + k] = 0;
                                }
                            }
                        }
                    };
                };
        boolean rescale = tensor.flag(this, "rescale");
        Changes.merge(tensor, this, rescale ? Changes.rescaled(rule) : rule, !linear);
    }

    /** Returns how probable it is that an entry of a row is kept. */
    static float[] probabilities(
            float[] changes, int from, int row, double density, double epsilon) {
        long[] order = new long[row];
        for (int k = 0; k < row; k++) {
            order[k] = (long) Float.floatToIntBits(Math.abs(changes[from + k])) << 32 | k;
        }
        Arrays.sort(order);
        float[] probabilities = new float[row];
        for (int rank = 0; rank < row; rank++) {
            double place = row == 1 ? 0.5 : (double) rank / (row - 1);
            probabilities[(int) order[rank]] = (float) (density - epsilon + 2 * epsilon * place);
        }
        return probabilities;
    }
}
