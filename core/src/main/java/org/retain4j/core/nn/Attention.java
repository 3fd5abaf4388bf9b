package org.retain4j.core.nn;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.retain4j.core.tensor.Kernels;
import org.retain4j.core.tensor.Tensor;

/**
 * Causal self-attention with grouped key-value heads (Ainslie et al. 2023, arXiv:2305.13245),
 * together with the norms and the residual around it.
 *
 * <p>It runs as two fused kernels, so that little but the projections is kept for the backward
 * pass; layer by layer only where taps or adapters that are no low-rank terms need it.
 */
public final class Attention implements Module {

    private final int layer;
    private final int window;
    private final int rotary;
    private final AttentionSpec spec;
    private final String name;
    private final @Nullable Norm norm;
    private final @Nullable Norm outputNorm;
    private final List<Linear> projections = new ArrayList<>();
    private final List<Norm> queryNorms = new ArrayList<>();
    private final Linear output;
    private final List<Linear> linears;
    private final List<ParameterSlot> queryNormSlots;
    private final int queryNormKind;
    private final double queryNormEpsilon;
    private final boolean wholeQueryNorm;

    /**
     * Creates the attention of one block.
     *
     * @param prefix Hugging Face name of the block, for example {@code model.layers.0}
     * @param layer number of the block
     * @param width width of the residual stream
     * @param window number of last tokens that a token sees, itself included; 0 for all
     * @param rotary which of the model's rotary embeddings it uses; negative for none
     */
    public Attention(
            ParameterSource source,
            String prefix,
            int layer,
            long width,
            BlockSpec block,
            int window,
            int rotary) {
        this.layer = layer;
        this.window = window;
        this.rotary = rotary;
        this.spec = block.attention();
        this.name = prefix + "." + spec.part();
        norm = norm(source, prefix, block.attentionNorm(), width, block.norm());
        outputNorm = norm(source, prefix, block.attentionOutputNorm(), width, block.norm());
        long queries = (long) spec.heads() * spec.headDim();
        long keys = (long) spec.kvHeads() * spec.headDim();
        boolean separate = spec.layout() == AttentionSpec.Layout.SEPARATE;
        long[] widths =
                separate ? new long[] {queries, keys, keys} : new long[] {queries + 2 * keys};
        for (int i = 0; i < widths.length; i++) {
            String projection = prefix + "." + spec.projections().get(i);
            projections.add(
                    new Linear(
                            source, projection, width, widths[i], spec.bias(), spec.transposed()));
        }
        if (spec.queryNorm() != AttentionSpec.QueryNorm.NONE) {
            boolean byHead = spec.queryNorm() == AttentionSpec.QueryNorm.BY_HEAD;
            queryNorms.add(
                    new Norm(
                            source,
                            name + ".q_norm",
                            byHead ? spec.headDim() : queries,
                            block.norm()));
            queryNorms.add(
                    new Norm(
                            source,
                            name + ".k_norm",
                            byHead ? spec.headDim() : keys,
                            block.norm()));
        }
        output =
                new Linear(
                        source,
                        prefix + "." + spec.output(),
                        queries,
                        width,
                        spec.outputBias(),
                        spec.transposed());
        List<Linear> all = new ArrayList<>(projections);
        all.add(output);
        linears = List.copyOf(all);
        queryNormSlots = queryNorms.stream().flatMap(n -> n.slots().stream()).toList();
        queryNormKind = queryNorms.isEmpty() ? 0 : Norm.code(queryNorms.get(0));
        queryNormEpsilon = queryNorms.isEmpty() ? 0 : Norm.epsilon(queryNorms.get(0));
        wholeQueryNorm = spec.queryNorm() == AttentionSpec.QueryNorm.WHOLE;
    }

    static @Nullable Norm norm(
            ParameterSource source,
            String prefix,
            @Nullable String name,
            long width,
            Norm.Spec spec) {
        return name == null ? null : new Norm(source, prefix + "." + name, width, spec);
    }

    /** Returns residual + attention(norm(input)) for {@code [batch, tokens, hidden]}. */
    public Tensor forward(Tensor input, ForwardContext context) {
        List<Tensor> qkv = queriesKeysValues(input, context);
        Tensor attended = attend(qkv, context);
        Taps taps = context.taps();
        if (output.isFused(context) && !taps.touches(name)) {
            LowRank.Group added = LowRank.Group.of(List.of(output), context.mode());
            return Kernels.call(
                    "attention_out",
                    input,
                    attended,
                    output.matrix(),
                    output.biasOrNone(),
                    added.factors(),
                    added.layers(),
                    added.scales(),
                    Norm.weights(outputNorm),
                    Norm.code(outputNorm),
                    Norm.epsilon(outputNorm),
                    context.mode().scalarType());
        }
        Tensor merged = Kernels.call("merge_heads", attended);
        Tensor y = taps.output(name, output.forward(merged, context));
        return input.add(outputNorm == null ? y : outputNorm.forward(y));
    }

    private List<Tensor> queriesKeysValues(Tensor input, ForwardContext context) {
        Taps taps = context.taps();
        List<Tensor> normWeights = ParameterSlot.values(queryNormSlots);
        if (Linear.areFused(projections, context) && !taps.touches(name)) {
            LowRank.Group added = LowRank.Group.of(projections, context.mode());
            return Kernels.callForList(
                    "norm_qkv",
                    input,
                    Norm.weights(norm),
                    Norm.code(norm),
                    Norm.epsilon(norm),
                    Linear.matrices(projections),
                    Linear.biases(projections),
                    added.factors(),
                    added.layers(),
                    added.scales(),
                    spec.layout().code(),
                    normWeights,
                    queryNormKind,
                    queryNormEpsilon,
                    wholeQueryNorm,
                    context.rotation(rotary),
                    spec.heads(),
                    spec.kvHeads(),
                    context.mode().scalarType());
        }
        Tensor x = taps.input(name, norm == null ? input : norm.forward(input));
        List<Tensor> projected = projections.stream().map(p -> p.forward(x, context)).toList();
        return Kernels.callForList(
                "qkv_heads",
                projected,
                spec.layout().code(),
                normWeights,
                queryNormKind,
                queryNormEpsilon,
                wholeQueryNorm,
                context.rotation(rotary),
                spec.heads(),
                spec.kvHeads());
    }

    private Tensor attend(List<Tensor> qkv, ForwardContext context) {
        KvCache cache = context.cache();
        List<Tensor> mask = context.mask(window);
        if (cache == null) {
            return Kernels.call(
                    "attend",
                    qkv.get(0),
                    qkv.get(1),
                    qkv.get(2),
                    mask,
                    spec.scale(),
                    spec.softCap());
        }
        return Kernels.call(
                "cache_attend",
                qkv,
                cache.keys(layer),
                cache.values(layer),
                cache.position(),
                window,
                mask,
                spec.scale(),
                spec.softCap());
    }

    /** Returns the Hugging Face name of this part, for example {@code model.layers.0.self_attn}. */
    String name() {
        return name;
    }

    /** Returns the projections: query, key and value, or one for all, then the output. */
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
        parts.addAll(projections);
        parts.addAll(queryNorms);
        parts.add(output);
        if (outputNorm != null) {
            parts.add(outputNorm);
        }
        return parts.stream();
    }
}
