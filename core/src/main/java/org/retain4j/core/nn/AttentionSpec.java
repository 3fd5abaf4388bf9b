package org.retain4j.core.nn;

import java.util.List;

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
        SEPARATE(0),
        /** One layer: all queries, then all keys, then all values. */
        STACKED(1),
        /** One layer: query, key and value of the first head, then those of the second, … */
        BY_HEAD(2);

        private final int code;

        Layout(int code) {
            this.code = code;
        }

        /** Returns the number that kernels know this layout by. */
        int code() {
            return code;
        }
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
        Draft draft = new Draft(this);
        draft.layout = newLayout;
        draft.projections = List.of(projection);
        draft.output = newOutput;
        return draft.build();
    }

    /** Biases on the projections of query, key and value, and on that of the output. */
    public AttentionSpec withBias(boolean qkv, boolean out) {
        Draft draft = new Draft(this);
        draft.bias = qkv;
        draft.outputBias = out;
        return draft.build();
    }

    /** Norms of queries and keys, {@code self_attn.q_norm} and {@code self_attn.k_norm}. */
    public AttentionSpec withQueryNorm(QueryNorm norm) {
        Draft draft = new Draft(this);
        draft.queryNorm = norm;
        return draft.build();
    }

    /** Another scale and soft cap of the scores. */
    public AttentionSpec withScores(double newScale, double newSoftCap) {
        Draft draft = new Draft(this);
        draft.scale = newScale;
        draft.softCap = newSoftCap;
        return draft.build();
    }

    /** Weights stored as {@code [in, out]}. */
    public AttentionSpec withTransposedWeights() {
        Draft draft = new Draft(this);
        draft.transposed = true;
        return draft.build();
    }

    /** Returns the name of the part that holds the projections, for example {@code self_attn}. */
    public String part() {
        return output.substring(0, output.lastIndexOf('.'));
    }

    /** The components of a specification, to change some of them. */
    private static final class Draft {
        private final AttentionSpec from;
        private Layout layout;
        private List<String> projections;
        private String output;
        private QueryNorm queryNorm;
        private boolean bias;
        private boolean outputBias;
        private double scale;
        private double softCap;
        private boolean transposed;

        private Draft(AttentionSpec from) {
            this.from = from;
            layout = from.layout;
            projections = from.projections;
            output = from.output;
            queryNorm = from.queryNorm;
            bias = from.bias;
            outputBias = from.outputBias;
            scale = from.scale;
            softCap = from.softCap;
            transposed = from.transposed;
        }

        private AttentionSpec build() {
            return new AttentionSpec(
                    from.heads,
                    from.kvHeads,
                    from.headDim,
                    layout,
                    projections,
                    output,
                    queryNorm,
                    bias,
                    outputBias,
                    scale,
                    softCap,
                    transposed);
        }
    }
}
