package org.retain4j.merging.method;

import java.io.IOException;
import java.util.List;

/** Copies a model, multiplied by a number if wanted. */
record Passthrough() implements MergeMethod {

    @Override
    public MethodInfo info() {
        return new MethodInfo(
                "passthrough",
                "Goddard et al., Arcee's MergeKit, 2403.13257",
                MethodInfo.Base.MODEL,
                1,
                1,
                List.of(Setting.ofModel("scale", 1.0)));
    }

    @Override
    public void merge(TensorMerge tensor) throws IOException {
        float scale = (float) tensor.number(this, 0, "scale");
        tensor.parts(
                (at, count) -> {
                    float[] values = tensor.buffer(0, count);
                    tensor.model(0, at, values, count);
                    for (int k = 0; scale != 1 && k < count; k++) {
                        values[k] *= scale;
                    }
                    tensor.write(values, count);
                });
    }
}
