package org.retain4j.core.nn;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;
import java.util.function.UnaryOperator;
import org.retain4j.core.tensor.Autograd;
import org.retain4j.core.tensor.Scope;
import org.retain4j.core.tensor.Tensor;

/** One block of a decoder: attention and a feed-forward layer, each with norms and residual. */
public final class DecoderBlock implements Module {

    private final String name;
    private final Attention attention;
    private final Mlp mlp;
    private final boolean parallel;
    private final List<Linear> linears;

    /**
     * Creates a block.
     *
     * @param name Hugging Face name of the block, for example {@code model.layers.0}
     * @param layer number of the block
     * @param window number of last tokens that a token sees, itself included; 0 for all
     * @param rotary which of the model's rotary embeddings it uses; negative for none
     */
    public DecoderBlock(
            ParameterSource source,
            String name,
            int layer,
            long width,
            BlockSpec spec,
            int window,
            int rotary) {
        this.name = name;
        this.parallel = spec.parallel();
        attention = new Attention(source, name, layer, width, spec, window, rotary);
        mlp = new Mlp(source, name, width, spec);
        List<Linear> all = new ArrayList<>(attention.linears());
        all.addAll(mlp.linears());
        linears = List.copyOf(all);
    }

    /** Returns the Hugging Face name of the block. */
    public String name() {
        return name;
    }

    /**
     * Returns the output for {@code [batch, tokens, hidden]}.
     *
     * <p>What is made on the way dies here, so that only what the backward pass needs is kept.
     */
    public Tensor forward(Tensor input, ForwardContext context) {
        try (Scope scope = Scope.open()) {
            Tensor x = context.taps().input(name, input);
            Tensor y = attention.forward(x, context);
            Tensor z = mlp.forward(y, parallel ? x : y, context);
            return scope.passOut(context.taps().output(name, z));
        }
    }

    /**
     * Returns the block as stages of a chain that is recorded: two where the feed-forward layer has
     * a backward pass of its own, else one.
     *
     * @param trained which parameters gradients are wanted of
     */
    public List<Autograd.Stage> stages(ForwardContext context, Predicate<Parameter> trained) {
        Autograd.Stage feedForward =
                parallel || context.taps().touches(name) ? null : mlp.stage(context, trained);
        if (feedForward == null) {
            return List.of(stage(parameters(), trained, x -> forward(x, context)));
        }
        return List.of(
                stage(attention.parameters(), trained, x -> attention.forward(x, context)),
                feedForward);
    }

    /**
     * Returns a part of a model as a stage of a chain.
     *
     * @param parameters its parameters; gradients are wanted of those that are trained
     */
    public static Autograd.Stage stage(
            List<Parameter> parameters,
            Predicate<Parameter> trained,
            UnaryOperator<Tensor> forward) {
        List<Tensor> wanted = Parameter.values(parameters.stream().filter(trained).toList());
        return new Autograd.Stage() {
            @Override
            public Tensor forward(Tensor input) {
                return forward.apply(input);
            }

            @Override
            public List<Tensor> parameters() {
                return wanted;
            }
        };
    }

    /** Returns whether this block or a part of it has a name. */
    public boolean hasModule(String module) {
        return module.equals(name)
                || module.equals(attention.name())
                || module.equals(mlp.name())
                || linears().stream().anyMatch(linear -> linear.name().equals(module));
    }

    /** Returns the linear layers, in the order of the forward pass. */
    public List<Linear> linears() {
        return linears;
    }

    @Override
    public List<ParameterSlot> slots() {
        List<ParameterSlot> all = new ArrayList<>(attention.slots());
        all.addAll(mlp.slots());
        return all;
    }

    @Override
    public List<Parameter> parameters() {
        List<Parameter> all = new ArrayList<>(attention.parameters());
        all.addAll(mlp.parameters());
        return all;
    }
}
