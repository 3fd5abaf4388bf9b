package org.retain4j.merging.method;

import java.io.IOException;

/**
 * Drops changes at random and scales up the rest: Yu et al., "Language models are super Mario",
 * 2311.03099.
 *
 * <p>The scale is the sum of magnitudes before over that after, as merge plans expect; the paper
 * has one over the density, which is the same on average.
 *
 * @param ties whether a sign is elected for every entry, as in TIES
 */
record Dare(boolean ties) implements MergeMethod {

    @Override
    public MethodInfo info() {
        return TaskArithmetic.family(
                        ties ? "dare_ties" : "dare_linear",
                        "Yu et al., Language models are super Mario, 2311.03099",
                        false)
                .with(Setting.ofModel("density", 1.0), Setting.flag("rescale", true));
    }

    @Override
    public void merge(TensorMerge tensor) throws IOException {
        Trim.Rule rule =
                (merge, model) -> {
                    double density = Changes.share(merge, this, model, "density");
                    Draws draws = merge.draws();
                    if (density == 1) {
                        return Trim.none();
                    }
                    return (at, changes, count) -> draws.drop(model, at, changes, count, density);
                };
        boolean rescale = tensor.flag(this, "rescale");
        Changes.merge(tensor, this, rescale ? Changes.rescaled(rule) : rule, ties);
    }
}
