package org.retain4j.merging.method;

import java.io.IOException;

/**
 * Trims small changes, elects a sign for every entry and averages what agrees: Yadav et al.,
 * "TIES-Merging", 2306.01708.
 */
record Ties() implements MergeMethod {

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
        return Trim.ranks(tensor, model, tensor.size() - kept, tensor.size());
    }
}
