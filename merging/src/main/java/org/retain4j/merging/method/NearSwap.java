package org.retain4j.merging.method;

import java.io.IOException;
import java.util.List;

/** Takes a model where it is near the base, and less of it the further it is away. */
record NearSwap() implements MergeMethod {

    private static final float SMALLEST_DISTANCE = 1e-6f;

    @Override
    public MethodInfo info() {
        return new MethodInfo(
                "nearswap",
                "Goddard et al., Arcee's MergeKit, 2403.13257",
                MethodInfo.Base.REQUIRED,
                1,
                1,
                List.of(Setting.required("t")));
    }

    @Override
    public void merge(TensorMerge tensor) throws IOException {
        float t = (float) tensor.number(this, "t");
        tensor.parts(
                (at, count) -> {
                    float[] base = tensor.buffer(0, count);
                    float[] x = tensor.buffer(1, count);
                    tensor.base(at, base, count);
                    tensor.model(0, at, x, count);
                    for (int k = 0; k < count; k++) {
                        float distance = Math.max(Math.abs(base[k] - x[k]), SMALLEST_DISTANCE);
                        float weight = Math.max(0, Math.min(1, t / distance));
                        x[k] = weight * x[k] + (1 - weight) * base[k];
                    }
                    tensor.write(x, count);
                });
    }
}
