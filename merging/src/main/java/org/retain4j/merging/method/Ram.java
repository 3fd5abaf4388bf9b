package org.retain4j.merging.method;

import java.io.IOException;
import java.util.List;

/**
 * Keeps a change that only one model makes in full and takes the mean of those that several make.
 */
record Ram() implements MergeMethod {

    @Override
    public MethodInfo info() {
        return new MethodInfo(
                "ram",
                "Goddard et al., Arcee's MergeKit, 2403.13257",
                MethodInfo.Base.REQUIRED,
                1,
                MethodInfo.MANY,
                List.of(Setting.number("epsilon", 1e-5)));
    }

    @Override
    public void merge(TensorMerge tensor) throws IOException {
        float epsilon = (float) tensor.number(this, "epsilon");
        int n = tensor.models();
        tensor.parts(
                (at, count) -> {
                    float[][] x = Gram.read(tensor, true, at, count);
                    for (int k = 0; k < count; k++) {
                        float sum = 0;
                        int changed = 0;
                        for (int i = 0; i < n; i++) {
                            if (!(Math.abs(x[i][k]) <= epsilon)) {
                                sum += x[i][k];
                                changed++;
                            }
                        }
                        x[0][k] = x[n][k] + (changed > 1 ? sum / changed : sum);
                    }
                    tensor.write(x[0], count);
                });
    }
}
