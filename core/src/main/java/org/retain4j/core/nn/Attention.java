package org.retain4j.core.nn;

import java.util.ArrayList;
import java.util.List;
import org.retain4j.core.tensor.Kernels;
import org.retain4j.core.tensor.Tensor;

/**
 * Causal self-attention with rotary positions and grouped key-value heads (Ainslie et al. 2023,
 * arXiv:2305.13245), together with the norm before it and the residual around it.
 */
public final class Attention implements Module {

    private final int layer;
    private final int heads;
    private final int kvHeads;
    private final double scale;
    private final RmsNorm norm;
    private final Linear query;
    private final Linear key;
    private final Linear value;
    private final Linear output;

    /**
     * Creates the attention of one block.
     *
     * @param prefix Hugging Face name of the block, for example {@code model.layers.0}
     * @param layer number of the block
     */
    public Attention(
            ParameterSource source,
            String prefix,
            int layer,
            long width,
            int heads,
            int kvHeads,
            int headDim,
            boolean bias,
            double epsilon) {
        this.layer = layer;
        this.heads = heads;
        this.kvHeads = kvHeads;
        this.scale = 1 / Math.sqrt(headDim);
        norm = new RmsNorm(source, prefix + ".input_layernorm", width, epsilon);
        String name = prefix + ".self_attn.";
        query = new Linear(source, name + "q_proj", width, (long) heads * headDim, bias);
        key = new Linear(source, name + "k_proj", width, (long) kvHeads * headDim, bias);
        value = new Linear(source, name + "v_proj", width, (long) kvHeads * headDim, bias);
        output = new Linear(source, name + "o_proj", (long) heads * headDim, width, bias);
    }

    /** Returns input + attention(norm(input)) for {@code [batch, tokens, hidden]}. */
    public Tensor forward(Tensor input, ForwardContext context) {
        boolean plain = query.isPlain() && key.isPlain() && value.isPlain();
        List<Tensor> qkv = plain ? fusedQkv(input, context) : stepwiseQkv(input, context);
        KvCache cache = context.cache();
        if (cache != null) {
            if (!output.isPlain()) {
                Tensor attended =
                        Kernels.call(
                                "cache_attend",
                                qkv,
                                cache.keys(layer),
                                cache.values(layer),
                                cache.position(),
                                scale);
                return residual(input, attended, context);
            }
            return Kernels.call(
                    "cache_attend_out",
                    input,
                    qkv,
                    cache.keys(layer),
                    cache.values(layer),
                    cache.position(),
                    scale,
                    output.weight().value(),
                    output.biasOrNone(),
                    context.computeType().scalarType());
        }
        if (output.isPlain()) {
            return Kernels.call(
                    "attend_out",
                    input,
                    qkv.get(0),
                    qkv.get(1),
                    qkv.get(2),
                    context.mask(),
                    scale,
                    output.weight().value(),
                    output.biasOrNone(),
                    context.computeType().scalarType());
        }
        Tensor attended =
                Kernels.call("attend", qkv.get(0), qkv.get(1), qkv.get(2), context.mask(), scale);
        return residual(input, attended, context);
    }

    private Tensor residual(Tensor input, Tensor attended, ForwardContext context) {
        Tensor merged = Kernels.call("merge_heads", attended);
        return input.add(output.forward(merged, context.computeType()));
    }

    private List<Tensor> fusedQkv(Tensor input, ForwardContext context) {
        List<Tensor> biases = new ArrayList<>(query.biasOrNone());
        biases.addAll(key.biasOrNone());
        biases.addAll(value.biasOrNone());
        return Kernels.callForList(
                "norm_qkv",
                input,
                norm.weight(),
                norm.epsilon(),
                List.of(query.weight().value(), key.weight().value(), value.weight().value()),
                biases,
                context.cos(),
                context.sin(),
                heads,
                kvHeads,
                context.computeType().scalarType());
    }

    private List<Tensor> stepwiseQkv(Tensor input, ForwardContext context) {
        Tensor x = norm.forward(input);
        return List.of(
                rotated(query.forward(x, context.computeType()), heads, context),
                rotated(key.forward(x, context.computeType()), kvHeads, context),
                Kernels.call("split_heads", value.forward(x, context.computeType()), kvHeads));
    }

    private static Tensor rotated(Tensor x, int heads, ForwardContext context) {
        return Kernels.call(
                "rope", Kernels.call("split_heads", x, heads), context.cos(), context.sin());
    }

    /** Returns the four projections: query, key, value and output. */
    public List<Linear> linears() {
        return List.of(query, key, value, output);
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
