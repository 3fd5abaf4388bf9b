package org.retain4j.core.nn;

import java.util.ArrayList;
import java.util.List;
import org.retain4j.core.tensor.DType;
import org.retain4j.core.tensor.Kernels;
import org.retain4j.core.tensor.Tensor;

/**
 * Gated feed-forward layer, down(silu(gate(x)) · up(x)) (Shazeer 2020, arXiv:2002.05202), together
 * with the norm before it and the residual around it.
 */
public final class GatedMlp implements Module {

    private final RmsNorm norm;
    private final Linear gate;
    private final Linear up;
    private final Linear down;
    private final boolean bias;

    /** Creates the feed-forward layer of the block with this Hugging Face name. */
    public GatedMlp(
            ParameterSource source,
            String prefix,
            long width,
            long innerWidth,
            boolean bias,
            double epsilon) {
        this.bias = bias;
        norm = new RmsNorm(source, prefix + ".post_attention_layernorm", width, epsilon);
        gate = new Linear(source, prefix + ".mlp.gate_proj", width, innerWidth, bias);
        up = new Linear(source, prefix + ".mlp.up_proj", width, innerWidth, bias);
        down = new Linear(source, prefix + ".mlp.down_proj", innerWidth, width, bias);
    }

    /** Returns input + mlp(norm(input)) for {@code [batch, tokens, hidden]}. */
    public Tensor forward(Tensor input, DType computeType) {
        if (!bias && gate.isPlain() && up.isPlain() && down.isPlain()) {
            return Kernels.call(
                    "norm_gated_mlp",
                    input,
                    norm.weight(),
                    norm.epsilon(),
                    List.of(gate.weight().value(), up.weight().value(), down.weight().value()),
                    computeType.scalarType());
        }
        Tensor x = norm.forward(input);
        Tensor inner =
                Kernels.call(
                        "gated_silu", gate.forward(x, computeType), up.forward(x, computeType));
        return input.add(down.forward(inner, computeType));
    }

    /** Returns the three projections: gate, up and down. */
    public List<Linear> linears() {
        return List.of(gate, up, down);
    }

    @Override
    public List<Parameter> parameters() {
        List<Parameter> all = new ArrayList<>(norm.parameters());
        for (Linear linear : linears()) {
            all.addAll(linear.parameters());
        }
        return all;
    }
}
