package org.retain4j.merging.method;

import java.io.IOException;
import java.util.BitSet;

/**
 * Trims small changes, elects a sign for every entry and averages what agrees: Yadav et al.,
 * "TIES-Merging", 2306.01708.
 */
record Ties() implements MergeMethod {

    /** Entries that are sorted in memory at most, half a gigabyte of them. */
    private static final long MAX_SORTED = 1L << 26;

    @Override
    public MethodInfo info() {
        return TaskArithmetic.family("ties", "Yadav et al., TIES-Merging, 2306.01708", true)
                .with(Setting.ofModel("density", 1.0), Setting.flag("rescale", false));
    }

    @Override
    public void merge(TensorMerge tensor) throws IOException {
        Trim.Rule rule =
                (merge, model) -> {
                    double density = Changes.share(merge, this, model, "density");
                    long size = merge.size();
                    return largest(merge, this, model, density, (long) (density * size));
                };
        boolean rescale = tensor.flag(this, "rescale");
        Changes.merge(tensor, this, rescale ? Changes.rescaled(rule) : rule, true);
    }

    static Trim largest(
            TensorMerge tensor, MergeMethod method, int model, double density, long kept)
            throws IOException {
        if (kept == 0 && tensor.size() > 0) {
            throw new IllegalArgumentException(
                    "density "
                            + density
                            + " of "
                            + method.info().name()
                            + " keeps none of "
                            + tensor.size()
                            + " entries; choose a larger density");
        }
        long size = tensor.size();
        Trim trim = Trim.ranks(tensor, model, size - kept, size);
        if (!tensor.isParity() || !(trim instanceof RankTrim ranks) || !ranks.splitsEqual()) {
            return trim;
        }
        if (size > MAX_SORTED) {
            tensor.warn(
                    "of equal changes the first are kept, which may be others than those of"
                            + " mergekit: the tensor is too large to be sorted in memory");
            return trim;
        }
        return sorted(tensor, model, kept);
    }

    /** Keeps of equal magnitudes those that come first where all are sorted. */
    private static Trim sorted(TensorMerge tensor, int model, long kept) throws IOException {
        float[] magnitudes = new float[Math.toIntExact(tensor.size())];
        Trim.forEach(
                tensor,
                model,
                (at, changes, count) -> {
                    for (int k = 0; k < count; k++) {
                        magnitudes[(int) at + k] = Math.abs(changes[k]);
                    }
                });
        int[] order = SortedOrder.descending(magnitudes);
        BitSet keep = new BitSet(order.length);
        for (int rank = 0; rank < kept; rank++) {
            keep.set(order[rank]);
        }
        return (at, changes, count) -> {
            for (int k = 0; k < count; k++) {
                if (!keep.get((int) at + k)) {
                    changes[k] = 0;
                }
            }
        };
    }
}
