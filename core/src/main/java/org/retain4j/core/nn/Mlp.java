package org.retain4j.core.nn;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.retain4j.core.tensor.Autograd;
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
    private final List<Linear> linears;

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
        List<Linear> all = new ArrayList<>(inputs);
        all.add(output);
        linears = List.copyOf(all);
    }

    /**
     * Returns residual + mlp(norm(input)) for {@code [batch, tokens, hidden]}.
     *
     * @param residual what is added; the input itself unless the parts of a block stand side by
     *     side
     */
    public Tensor forward(Tensor residual, Tensor input, ForwardContext context) {
        Taps taps = context.taps();
        if (Linear.areFused(linears, context) && !taps.touches(name)) {
            LowRank.Group added = LowRank.Group.of(linears, context.mode());
            return Kernels.call(
                    "norm_mlp",
                    residual,
                    input,
                    Norm.weights(norm),
                    Norm.code(norm),
                    Norm.epsilon(norm),
                    Linear.matrices(linears),
                    Linear.biases(linears),
                    added.factors(),
                    added.layers(),
                    added.scales(),
                    spec.layout().code(),
                    spec.activation().code(),
                    Norm.weights(outputNorm),
                    Norm.code(outputNorm),
                    Norm.epsilon(outputNorm),
                    context.mode().scalarType());
        }
        Tensor x = taps.input(name, norm == null ? input : norm.forward(input));
        List<Tensor> read = inputs.stream().map(l -> l.forward(x, context)).toList();
        Tensor inner =
                Kernels.call("mlp_inner", read, spec.layout().code(), spec.activation().code());
        Tensor y = taps.output(name, output.forward(inner, context));
        return residual.add(outputNorm == null ? y : outputNorm.forward(y));
    }

    /**
     * Returns the layer as a stage of a chain that keeps the outputs of the first layers only and
     * computes norm, activation and product again in its backward pass: half the memory of a graph,
     * for a few passes over memory.
     *
     * @return null where something stands in between: adapters, taps, or transposed weights
     */
    @Nullable Stage stage(ForwardContext context, Predicate<Parameter> trained) {
        boolean plain =
                linears.stream().noneMatch(l -> l.isAdapted() || l.isTransposed())
                        && Linear.areFused(linears, context)
                        && !context.taps().touches(name);
        return plain ? new Stage(context, trained) : null;
    }

    /** The layer around its residual, with a backward pass of its own. */
    final class Stage implements Autograd.ManualStage {
        private final ForwardContext context;
        private final Predicate<Parameter> trained;

        private Stage(ForwardContext context, Predicate<Parameter> trained) {
            this.context = context;
            this.trained = trained;
        }

        @Override
        public List<Tensor> parameters() {
            return wanted(Mlp.this);
        }

        private List<Tensor> wanted(@Nullable Module part) {
            return part == null
                    ? List.of()
                    : Parameter.values(part.parameters().stream().filter(trained).toList());
        }

        /** A flag a weight, then one a bias. */
        private long[] wantedOfLayers() {
            Stream<Parameter> weights = linears.stream().map(l -> l.parameters().get(0));
            Stream<Parameter> biases =
                    linears.stream().filter(l -> spec.bias()).map(l -> l.parameters().get(1));
            return Stream.concat(weights, biases)
                    .mapToLong(parameter -> trained.test(parameter) ? 1 : 0)
                    .toArray();
        }

        @Override
        public List<Tensor> forwardKeeping(Tensor input) {
            return Kernels.callForList(
                    "mlp_keep",
                    input,
                    Norm.weights(norm),
                    Norm.code(norm),
                    Norm.epsilon(norm),
                    Linear.matrices(linears),
                    Linear.biases(linears),
                    spec.layout().code(),
                    spec.activation().code(),
                    Norm.weights(outputNorm),
                    Norm.code(outputNorm),
                    Norm.epsilon(outputNorm),
                    context.mode().scalarType());
        }

        @Override
        public List<Tensor> backward(Tensor input, List<Tensor> kept, Tensor outputGradient) {
            // the norms are the part that is left to a graph
            try (Autograd.Mode mode = Autograd.enableGrad()) {
                return Kernels.callForList(
                        "mlp_backward",
                        input,
                        kept,
                        outputGradient,
                        Norm.weights(norm),
                        Norm.code(norm),
                        Norm.epsilon(norm),
                        Linear.matrices(linears),
                        Linear.biases(linears),
                        spec.layout().code(),
                        spec.activation().code(),
                        Norm.weights(outputNorm),
                        Norm.code(outputNorm),
                        Norm.epsilon(outputNorm),
                        wantedOfLayers(),
                        wanted(norm),
                        wanted(outputNorm),
                        context.mode().scalarType());
            }
        }
    }

    /** Returns the Hugging Face name of this part, for example {@code model.layers.0.mlp}. */
    String name() {
        return name;
    }

    /** Returns the layers: gate and up, or one for both or without gate, then down. */
    public List<Linear> linears() {
        return linears;
    }

    @Override
    public List<ParameterSlot> slots() {
        return parts().flatMap(part -> part.slots().stream()).toList();
    }

    @Override
    public List<Parameter> parameters() {
        return parts().flatMap(part -> part.parameters().stream()).toList();
    }

    private Stream<Module> parts() {
        List<Module> parts = new ArrayList<>();
        if (norm != null) {
            parts.add(norm);
        }
        parts.addAll(linears);
        if (outputNorm != null) {
            parts.add(outputNorm);
        }
        return parts.stream();
    }
}
