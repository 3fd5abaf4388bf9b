package org.retain4j.core.model;

import java.util.Collections;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.retain4j.core.nn.BlockSpec;
import org.retain4j.core.nn.Rotary;

/**
 * Everything that tells one decoder-only transformer from another, apart from its weights.
 *
 * <p>Immutable. A family makes it from a {@code config.json}.
 *
 * @param vocabularySize rows of the embedding ({@code vocab_size})
 * @param hiddenSize width of the residual stream ({@code hidden_size})
 * @param maxPositions longest sequence ({@code max_position_embeddings}, times the factor of a rope
 *     scaling that is not counted in it)
 * @param names names of the parts outside the blocks
 * @param block how blocks are put together
 * @param layers what differs between blocks, one entry a block
 * @param rotaries the rotary embeddings that layers refer to; empty when positions are learned
 * @param embeddingScale factor of the token embeddings
 * @param tiedHead whether the output head shares the embedding ({@code tie_word_embeddings})
 * @param logitSoftCap c of c · tanh(score / c) of the scores of the vocabulary; 0 for none
 */
public record DecoderSpec(
        int vocabularySize,
        int hiddenSize,
        int maxPositions,
        Names names,
        BlockSpec block,
        List<Layer> layers,
        List<Rotary.Spec> rotaries,
        double embeddingScale,
        boolean tiedHead,
        double logitSoftCap) {

    /**
     * Names of the parts outside the blocks.
     *
     * @param embedding token embedding
     * @param positions learned position embedding, or null for none
     * @param blocks what stands before the number of a block
     * @param norm norm after the last block
     * @param head output head, for a model whose head is not tied
     */
    public record Names(
            String embedding, @Nullable String positions, String blocks, String norm, String head) {
        /** The names of Llama, which most families share. */
        public static final Names LLAMA =
                new Names("model.embed_tokens", null, "model.layers", "model.norm", "lm_head");

        /** Returns the first part of all names but that of the head, for example {@code model}. */
        String base() {
            return blocks.substring(0, blocks.indexOf('.'));
        }
    }

    /**
     * What differs between blocks.
     *
     * @param window number of last tokens that a token sees, itself included; 0 for all
     * @param rotary which of the rotary embeddings it uses; −1 for none
     */
    public record Layer(int window, int rotary) {
        /**
         * A number of blocks that see a window, or all tokens at 0, and use the first rotary
         * embedding.
         */
        public static List<Layer> uniform(int count, int window) {
            return Collections.nCopies(count, new Layer(window, 0));
        }

        /** Blocks by their {@code layer_types}, all with the first rotary embedding. */
        static List<Layer> windowed(List<String> types, int window) {
            return types.stream()
                    .map(type -> new Layer(type.equals("sliding_attention") ? window : 0, 0))
                    .toList();
        }
    }

    /** Makes a specification with its own copies of the lists. */
    public DecoderSpec {
        layers = List.copyOf(layers);
        rotaries = List.copyOf(rotaries);
    }

    /** A model with Llama's names, one rotary embedding and nothing scaled or capped. */
    static DecoderSpec of(
            int vocabularySize,
            int hiddenSize,
            int maxPositions,
            BlockSpec block,
            List<Layer> layers,
            Rotary.Spec rotary,
            boolean tiedHead) {
        return new DecoderSpec(
                vocabularySize,
                hiddenSize,
                maxPositions,
                Names.LLAMA,
                block,
                layers,
                List.of(rotary),
                1,
                tiedHead,
                0);
    }

    /** Returns the Hugging Face name of a block, for example {@code model.layers.3}. */
    String blockName(int layer) {
        return names.blocks() + "." + layer;
    }
}
