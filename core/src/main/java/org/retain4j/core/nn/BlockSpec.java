package org.retain4j.core.nn;

import org.jspecify.annotations.Nullable;

/**
 * How the blocks of a decoder are put together.
 *
 * @param norm kind of the norms
 * @param attentionNorm name below the block of the norm before the attention, or null for none
 * @param attentionOutputNorm name of the norm of what the attention gives out, or null for none
 * @param mlpNorm name of the norm before the feed-forward layer, or null for none
 * @param mlpOutputNorm name of the norm of what the feed-forward layer gives out, or null for none
 * @param parallel whether both parts read the block's input and add to it side by side
 * @param attention attention
 * @param mlp feed-forward layer
 */
public record BlockSpec(
        Norm.Spec norm,
        @Nullable String attentionNorm,
        @Nullable String attentionOutputNorm,
        @Nullable String mlpNorm,
        @Nullable String mlpOutputNorm,
        boolean parallel,
        AttentionSpec attention,
        MlpSpec mlp) {

    /** Blocks as in Llama: a norm before each part. */
    public static BlockSpec of(Norm.Spec norm, AttentionSpec attention, MlpSpec mlp) {
        return new BlockSpec(
                norm,
                "input_layernorm",
                null,
                "post_attention_layernorm",
                null,
                false,
                attention,
                mlp);
    }

    /** Other names of the norms; null for none. */
    public BlockSpec withNorms(
            @Nullable String beforeAttention,
            @Nullable String afterAttention,
            @Nullable String beforeMlp,
            @Nullable String afterMlp) {
        return new BlockSpec(
                norm,
                beforeAttention,
                afterAttention,
                beforeMlp,
                afterMlp,
                parallel,
                attention,
                mlp);
    }

    /** Both parts side by side, or one after the other. */
    public BlockSpec withParallel(boolean sideBySide) {
        return new BlockSpec(
                norm,
                attentionNorm,
                attentionOutputNorm,
                mlpNorm,
                mlpOutputNorm,
                sideBySide,
                attention,
                mlp);
    }
}
