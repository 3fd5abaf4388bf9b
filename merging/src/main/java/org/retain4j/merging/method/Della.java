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
                    Ranks ranks = new Ranks(row);
                    float[] kept = new float[row];
                    return (at, changes, count) -> {
                        for (int from = 0; from < count; from += row) {
                            ranks.probabilities(changes, from, row, density, epsilon, kept);
                            for (int k = 0; k < row; k++) {
                                // A branch would be mispredicted for many.
                                double draw = draws.at(model, at + from + k) - kept[k];
                                int stays = (int) (Double.doubleToRawLongBits(draw) >> 63);
                                int bits = Float.floatToRawIntBits(changes[from + k]);
                                changes[from + k] = Float.intBitsToFloat(bits & stays);
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
        float[] probabilities = new float[row];
        new Ranks(row).probabilities(changes, from, row, density, epsilon, probabilities);
        return probabilities;
    }

    /** Order of the magnitudes of rows, of equal ones by place; for one thread. */
    private static final class Ranks {

        /** Longest run of magnitudes with equal upper bits that is sorted by insertion. */
        private static final int RUN = 32;

        private final long[] order;
        private final long[] other;
        private final int[] low = new int[257];
        private final int[] high = new int[257];

        Ranks(int row) {
            order = new long[row];
            other = new long[row];
        }

        void probabilities(
                float[] changes,
                int from,
                int row,
                double density,
                double epsilon,
                float[] target) {
            sort(changes, from, row);
            for (int rank = 0; rank < row; rank++) {
                double place = row == 1 ? 0.5 : (double) rank / (row - 1);
                target[(int) order[rank]] = (float) (density - epsilon + 2 * epsilon * place);
            }
        }

        /** Sorts by the upper half of the bits in two rounds, then what is equal there. */
        private void sort(float[] changes, int from, int row) {
            Arrays.fill(low, 0);
            Arrays.fill(high, 0);
            for (int k = 0; k < row; k++) {
                int bits = Float.floatToIntBits(Math.abs(changes[from + k]));
                order[k] = (long) bits << 32 | k;
                low[(bits >>> 16 & 0xff) + 1]++;
                high[(bits >>> 24) + 1]++;
            }
            for (int bin = 0; bin < 256; bin++) {
                low[bin + 1] += low[bin];
                high[bin + 1] += high[bin];
            }
            for (int k = 0; k < row; k++) {
                other[low[(int) (order[k] >>> 48) & 0xff]++] = order[k];
            }
            for (int k = 0; k < row; k++) {
                order[high[(int) (other[k] >>> 56)]++] = other[k];
            }
            int start = 0;
            for (int k = 1; k <= row; k++) {
                if (k == row || order[k] >>> 48 != order[start] >>> 48) {
                    finish(start, k);
                    start = k;
                }
            }
        }

        private void finish(int start, int end) {
            if (end - start > RUN) {
                Arrays.sort(order, start, end);
                return;
            }
            for (int k = start + 1; k < end; k++) {
                long entry = order[k];
                int hole = k;
                while (hole > start && order[hole - 1] > entry) {
                    order[hole] = order[hole - 1];
                    hole--;
                }
                order[hole] = entry;
            }
        }
    }
}
