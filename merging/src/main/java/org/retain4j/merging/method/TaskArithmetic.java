package org.retain4j.merging.method;

import java.io.IOException;
import java.util.List;

/** Adds weighted changes: Ilharco et al., "Editing models with task arithmetic", 2212.04089. */
record TaskArithmetic() implements MergeMethod {

    @Override
    public MethodInfo info() {
        return family(
                "task_arithmetic",
                "Ilharco et al., Editing models with task arithmetic, 2212.04089",
                false);
    }

    /** Returns what all methods that add changes have in common. */
    static MethodInfo family(String name, String paper, boolean normalize) {
        return new MethodInfo(
                name,
                paper,
                MethodInfo.Base.REQUIRED,
                1,
                MethodInfo.MANY,
                List.of(
                        Setting.ofModel("weight", null),
                        Setting.flag("normalize", normalize),
                        Setting.number("lambda", 1),
                        Setting.flag("int8_mask", false)));
    }

    @Override
    public void merge(TensorMerge tensor) throws IOException {
        Changes.merge(tensor, this, (merge, model) -> Trim.none(), false);
    }
}
