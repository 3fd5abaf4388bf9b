package org.retain4j.merging.method;

import java.io.IOException;

/**
 * Drops the largest changes as outliers and the smallest as noise: Davari and Belilovsky, "Model
 * Breadcrumbs", 2312.06795.
 *
 * <p>Where gamma is not 0 but a tensor is so small that it has no outliers, it keeps all changes;
 * mergekit 0.1.4, which parity follows, loses all of them.
 *
 * @param ties whether a sign is elected for every entry, as in TIES
 */
record Breadcrumbs(boolean ties) implements MergeMethod {

    @Override
    public MethodInfo info() {
        return TaskArithmetic.family(
                        ties ? "breadcrumbs_ties" : "breadcrumbs",
                        "Davari and Belilovsky, Model Breadcrumbs, 2312.06795",
                        false)
                .with(
                        Setting.ofModel("density", 1.0),
                        Setting.ofModel("gamma", 0.01),
                        Setting.flag("rescale", false));
    }

    @Override
    public void merge(TensorMerge tensor) throws IOException {
        Trim.Rule rule =
                (merge, model) -> {
                    double density = Changes.share(merge, this, model, "density");
                    double gamma = Changes.share(merge, this, model, "gamma");
                    long size = merge.size();
                    if (density == 1) {
                        return Trim.none();
                    }
                    long kept = (long) (density * size);
                    long top = (long) (gamma * size);
                    if (top == 0 && merge.isParity()) {
                        return Trim.ranks(merge, model, 0, 0);
                    }
                    if (top == 0 && gamma > 0) {
                        merge.warn(
                                "gamma "
                                        + gamma
                                        + " finds no outliers among "
                                        + size
                                        + " entries, so all changes are kept");
                        return Trim.none();
                    }
                    long bottom = size - top - kept;
                    if (bottom < 0) {
                        top += bottom;
                        bottom = 0;
                    }
                    return Trim.ranks(merge, model, bottom, size - top);
                };
        boolean rescale = tensor.flag(this, "rescale");
        Changes.merge(tensor, this, rescale ? Changes.rescaled(rule) : rule, ties);
    }
}
