package org.retain4j.core.model;

/**
 * Everything that tells one decoder-only transformer from another, apart from its weights.
 *
 * <p>Immutable. Fields join as families come; each names what transformers calls it.
 *
 * @param vocabularySize rows of the embedding ({@code vocab_size})
 * @param hiddenSize width of the residual stream ({@code hidden_size})
 * @param intermediateSize inner width of the feed-forward layer ({@code intermediate_size})
 * @param layers number of blocks ({@code num_hidden_layers})
 * @param heads query heads ({@code num_attention_heads})
 * @param kvHeads key and value heads ({@code num_key_value_heads}), a divisor of heads
 * @param headDim width of a head ({@code head_dim}), even
 * @param normEpsilon ε of the norms ({@code rms_norm_eps})
 * @param ropeTheta base of the rotary frequencies ({@code rope_theta})
 * @param attentionBias whether the four attention projections have biases
 * @param mlpBias whether the feed-forward projections have biases
 * @param tiedHead whether the output head shares the embedding ({@code tie_word_embeddings})
 * @param maxPositions longest sequence ({@code max_position_embeddings})
 */
public record DecoderSpec(
        int vocabularySize,
        int hiddenSize,
        int intermediateSize,
        int layers,
        int heads,
        int kvHeads,
        int headDim,
        double normEpsilon,
        double ropeTheta,
        boolean attentionBias,
        boolean mlpBias,
        boolean tiedHead,
        int maxPositions) {

    /**
     * Creates a specification.
     *
     * @throws IllegalArgumentException if heads do not divide or the head width is odd
     */
    public DecoderSpec {
        if (heads % kvHeads != 0) {
            throw new IllegalArgumentException(
                    "num_attention_heads "
                            + heads
                            + " is not a multiple of num_key_value_heads "
                            + kvHeads);
        }
        if (headDim % 2 != 0) {
            throw new IllegalArgumentException("head_dim " + headDim + " is odd");
        }
    }
}
