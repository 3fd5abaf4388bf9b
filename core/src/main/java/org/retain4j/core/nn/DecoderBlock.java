package org.retain4j.core.nn;

import java.util.ArrayList;
import java.util.List;
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
