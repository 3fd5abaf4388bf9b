package org.retain4j.core.nn;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What tells the attention of one family of models from another.
 *
 * @param heads query heads ({@code num_attention_heads})
 * @param kvHeads key and value heads ({@code num_key_value_heads}), a divisor of heads
 * @param headDim width of a head ({@code head_dim})
 * @param layout how query, key and value projections are stored
 * @param projections names of the projections below the block: three, or one when stored together
 * @param output name of the output projection below the block
 * @param queryNorm norm of queries and keys, or none
 * @param bias whether the projections of query, key and value have biases
 * @param outputBias whether the output projection has a bias
 * @param scale factor of the scores before the softmax
 * @param softCap c of c · tanh(score / c) before the softmax; 0 for none
 * @param transposed whether weights are stored as {@code [in, out]}
 */
public record AttentionSpec(
        int heads,
        int kvHeads,
        int headDim,
        Layout layout,
        List<String> projections,
        String output,
        QueryNorm queryNorm,
        boolean bias,
        boolean outputBias,
        double scale,
        double softCap,
        boolean transposed) {

    /** How query, key and value projections are stored. */
    public enum Layout {
        /** Three layers. */
        SEPARATE,
        /** One layer: all queries, then all keys, then all values. */
        STACKED,
        /** One layer: query, key and value of the first head, then those of the second, … */
        BY_HEAD
    }

    /** Norms of queries and keys before the rotary embedding. */
    public enum QueryNorm {
        /** None. */
        NONE,
        /** Over each head. */
        BY_HEAD,
        /** Over all heads together. */
        WHOLE
    }

    /**
     * Creates a specification.
     *
     * @throws IllegalArgumentException if heads do not divide
     */
    public AttentionSpec {
        projections = List.copyOf(projections);
        if (heads % kvHeads != 0) {
            throw new IllegalArgumentException(
                    "num_attention_heads "
                            + heads
                            + " is not a multiple of num_key_value_heads "
                            + kvHeads);
        }
        if (layout == Layout.BY_HEAD && heads != kvHeads) {
            throw new IllegalArgumentException(
                    "projections stored by head need as many key-value heads as query heads");
        }
    }

    /**
     * Separate projections {@code self_attn.q_proj}, {@code k_proj}, {@code v_proj}, {@code o_proj}
     * as in Llama, with scale 1/√headDim.
     */
    public static AttentionSpec separate(int heads, int kvHeads, int headDim) {
        return new AttentionSpec(
                heads,
                kvHeads,
                headDim,
                Layout.SEPARATE,
                List.of("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"),
                "self_attn.o_proj",
                QueryNorm.NONE,
                false,
                false,
                1 / Math.sqrt(headDim),
                0,
                false);
    }

    /** One projection for query, key and value together, with scale 1/√headDim. */
    public AttentionSpec joined(Layout newLayout, String projection, String newOutput) {
        return new AttentionSpec(
                heads,
                kvHeads,
                headDim,
                newLayout,
                List.of(projection),
                newOutput,
                queryNorm,
                bias,
                outputBias,
                scale,
                softCap,
                transposed);
    }

    /** Biases on the projections of query, key and value, and on that of the output. */
    public AttentionSpec withBias(boolean qkv, boolean out) {
        return new AttentionSpec(
                heads,
                kvHeads,
                headDim,
                layout,
                projections,
                output,
                queryNorm,
                qkv,
                out,
                scale,
                softCap,
                transposed);
    }

    /** Norms of queries and keys, {@code self_attn.q_norm} and {@code self_attn.k_norm}. */
    public AttentionSpec withQueryNorm(QueryNorm norm) {
        return new AttentionSpec(
                heads,
                kvHeads,
                headDim,
                layout,
                projections,
                output,
                norm,
                bias,
                outputBias,
                scale,
                softCap,
                transposed);
    }

    /** Another scale and soft cap of the scores. */
    public AttentionSpec withScores(double newScale, double newSoftCap) {
        return new AttentionSpec(
                heads,
                kvHeads,
                headDim,
                layout,
                projections,
                output,
                queryNorm,
                bias,
                outputBias,
                newScale,
                newSoftCap,
                transposed);
    }

    /** Weights stored as {@code [in, out]}. */
    public AttentionSpec withTransposedWeights() {
        return new AttentionSpec(
                heads,
                kvHeads,
                headDim,
                layout,
                projections,
                output,
                queryNorm,
                bias,
                outputBias,
                scale,
                softCap,
                true);
    }

    /** Returns the name of the part that holds the projections, for example {@code self_attn}. */
    public String part() {
        return output.substring(0, output.lastIndexOf('.'));
    }

    /** Returns the name of a layer of the projections, or null when there are fewer. */
    @Nullable String projection(int index) {
        return index < projections.size() ? projections.get(index) : null;
    }
}
