package org.retain4j.core.nn;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.retain4j.core.tensor.Kernels;
import org.retain4j.core.tensor.Tensor;

/** Feed-forward layer of a block, together with the norms and the residual around it. */
public final class Mlp implements Module {

    private final MlpSpec spec;
    private final String name;
    private final @Nullable Norm norm;
    private final @Nullable Norm outputNorm;
    private final List<Linear> inputs = new ArrayList<>();
    private final Linear output;

    /** Creates the feed-forward layer of the block with this Hugging Face name. */
    public Mlp(ParameterSource source, String prefix, long width, BlockSpec block) {
        spec = block.mlp();
        name = prefix + "." + spec.part();
        norm = Attention.norm(source, prefix, block.mlpNorm(), width, block.norm());
        outputNorm = Attention.norm(source, prefix, block.mlpOutputNorm(), width, block.norm());
        boolean stacked = spec.layout() == MlpSpec.Layout.STACKED_GATED;
        long inner = stacked ? 2L * spec.innerWidth() : spec.innerWidth();
        for (String input : spec.inputs()) {
            inputs.add(
                    new Linear(
                            source,
                            prefix + "." + input,
                            width,
                            inner,
                            spec.bias(),
                            spec.transposed()));
        }
        output =
                new Linear(
                        source,
                        prefix + "." + spec.output(),
                        spec.innerWidth(),
                        width,
                        spec.bias(),
                        spec.transposed());
    }

    /**
     * Returns residual + mlp(norm(input)) for {@code [batch, tokens, hidden]}.
     *
     * @param residual what is added; the input itself unless the parts of a block stand side by
     *     side
     */
    public Tensor forward(Tensor residual, Tensor input, ForwardContext context) {
        Taps taps = context.taps();
        if (linears().stream().allMatch(l -> l.isPlain(taps)) && !taps.touches(name)) {
            List<Tensor> weights = new ArrayList<>();
            List<Tensor> biases = new ArrayList<>();
            for (Linear linear : linears()) {
                weights.add(linear.matrix());
                biases.addAll(linear.biasOrNone());
            }
            return Kernels.call(
                    "norm_mlp",
                    residual,
                    input,
                    Norm.weights(norm),
                    Norm.code(norm),
                    Norm.epsilon(norm),
                    weights,
                    biases,
                    spec.layout().code(),
                    spec.activation().code(),
                    Norm.weights(outputNorm),
                    Norm.code(outputNorm),
                    Norm.epsilon(outputNorm),
                    context.computeType().scalarType());
        }
        Tensor x = taps.input(name, norm == null ? input : norm.forward(input));
        List<Tensor> read =
                inputs.stream().map(l -> l.forward(x, context.computeType(), taps)).toList();
        Tensor inner =
                Kernels.call("mlp_inner", read, spec.layout().code(), spec.activation().code());
        Tensor y = taps.output(name, output.forward(inner, context.computeType(), taps));
        return residual.add(outputNorm == null ? y : outputNorm.forward(y));
    }

    /** Returns the Hugging Face name of this part, for example {@code model.layers.0.mlp}. */
    String name() {
        return name;
    }

    /** Returns the layers: gate and up, or one for both or without gate, then down. */
    public List<Linear> linears() {
        List<Linear> all = new ArrayList<>(inputs);
        all.add(output);
        return all;
    }

    @Override
    public List<Parameter> parameters() {
        List<Parameter> all = new ArrayList<>();
        if (norm != null) {
            all.addAll(norm.parameters());
        }
        linears().forEach(linear -> all.addAll(linear.parameters()));
        if (outputNorm != null) {
            all.addAll(outputNorm.parameters());
        }
        return all;
    }
}
