package org.retain4j.lora;

import java.util.List;
import org.retain4j.core.nn.LinearAdapter;
import org.retain4j.core.nn.LowRank;
import org.retain4j.core.nn.Parameter;
import org.retain4j.core.nn.PassMode;
import org.retain4j.core.tensor.Kernels;
import org.retain4j.core.tensor.Tensor;

/** What a start took out of a base weight: − scale · B₀ A₀, as long as the adapter is there. */
record TakenOut(Tensor a, Tensor b, double scale) implements LinearAdapter {
    @Override
    public LowRank lowRank(PassMode mode) {
        return new LowRank(a, b, -scale);
    }

    @Override
    public Tensor apply(Tensor input, Tensor output, PassMode mode) {
        int type = mode.computeType().scalarType();
        return Kernels.call("low_rank", input, output, a, b, -scale, List.of(), type);
    }

    @Override
    public Tensor weight(Tensor weight) {
        return Kernels.call("low_rank_weight", weight, a, b, -scale);
    }

    @Override
    public List<Parameter> parameters() {
        return List.of();
    }
}
