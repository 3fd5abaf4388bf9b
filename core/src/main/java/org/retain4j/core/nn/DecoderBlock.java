package org.retain4j.core.nn;

import java.util.ArrayList;
import java.util.List;
import org.retain4j.core.tensor.Scope;
import org.retain4j.core.tensor.Tensor;

/** One block of a decoder: attention, then a feed-forward layer, each with norm and residual. */
public final class DecoderBlock implements Module {

    private final Attention attention;
    private final GatedMlp mlp;

    /** Creates a block of these parts. */
    public DecoderBlock(Attention attention, GatedMlp mlp) {
        this.attention = attention;
        this.mlp = mlp;
    }

    /**
     * Returns the output for {@code [batch, tokens, hidden]}.
     *
     * <p>What is made on the way dies here, so that only what the backward pass needs is kept.
     */
    public Tensor forward(Tensor input, ForwardContext context) {
        try (Scope scope = Scope.open()) {
            return scope.passOut(
                    mlp.forward(attention.forward(input, context), context.computeType()));
        }
    }

    /** Returns the linear layers, in the order of the forward pass. */
    public List<Linear> linears() {
        List<Linear> all = new ArrayList<>(attention.linears());
        all.addAll(mlp.linears());
        return all;
    }

    @Override
    public List<Parameter> parameters() {
        List<Parameter> all = new ArrayList<>(attention.parameters());
        all.addAll(mlp.parameters());
        return all;
    }
}
