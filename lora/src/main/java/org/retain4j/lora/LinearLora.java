package org.retain4j.lora;

import java.util.List;
import org.jspecify.annotations.Nullable;
import org.retain4j.core.nn.Linear;
import org.retain4j.core.nn.LinearAdapter;
import org.retain4j.core.nn.LowRank;
import org.retain4j.core.nn.Parameter;
import org.retain4j.core.nn.PassMode;
import org.retain4j.core.tensor.Kernels;
import org.retain4j.core.tensor.Random;
import org.retain4j.core.tensor.Tensor;

/** LoRA or DoRA of one linear layer. */
final class LinearLora extends Factors implements LinearAdapter {

    private final Linear layer;
    private final double dropout;

    LinearLora(Linear layer, Factors factors, double dropout) {
        super(factors);
        this.layer = layer;
        this.dropout = dropout;
    }

    Linear layer() {
        return layer;
    }

    @Override
    public @Nullable LowRank lowRank(PassMode mode) {
        boolean drops = dropout > 0 && mode.dropoutSeed() != null;
        return magnitude() != null || drops ? null : new LowRank(a().value(), b().value(), scale());
    }

    @Override
    public Tensor apply(Tensor input, Tensor output, PassMode mode) {
        List<Tensor> keep = keep(input, mode);
        int type = mode.computeType().scalarType();
        Parameter magnitude = magnitude();
        if (magnitude == null) {
            return Kernels.call(
                    "low_rank", input, output, a().value(), b().value(), scale(), keep, type);
        }
        return Kernels.call(
                "dora",
                input,
                output,
                layer.matrix(),
                layer.biasOrNone(),
                a().value(),
                b().value(),
                magnitude.value(),
                scale(),
                keep,
                type);
    }

    private List<Tensor> keep(Tensor input, PassMode mode) {
        Long seed = mode.dropoutSeed();
        if (dropout == 0 || seed == null) {
            return List.of();
        }
        long own = Random.at(seed, 0, "lora-dropout " + a().name()).nextLong() >>> 1;
        return List.of(Kernels.call("dropout_mask", input.detach(), dropout, own));
    }

    @Override
    public Tensor weight(Tensor weight) {
        Parameter magnitude = magnitude();
        return magnitude == null
                ? Kernels.call("low_rank_weight", weight, a().value(), b().value(), scale())
                : Kernels.call(
                        "dora_weight",
                        weight,
                        a().value(),
                        b().value(),
                        magnitude.value(),
                        scale());
    }
}
