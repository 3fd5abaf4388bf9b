package org.retain4j.lora;

import java.util.List;

/**
 * LoRA+: B learns faster than A (Hayou et al. 2024, arXiv:2402.12354).
 *
 * <p>Only a description, in the order in which the first fit wins; a trainer makes parameter groups
 * of it: {@code groups = groups.group(group.pattern(), group.learningRateFactor())}.
 *
 * @param ratio learning rate of B over that of A, at least 1; 16 in the paper
 * @param embeddingFactor learning rate of embeddings' factors over that of A; 0.005 gives PEFT's
 *     1e-6 at 2e-4
 */
public record LoraPlus(double ratio, double embeddingFactor) {

    /**
     * A group of parameters.
     *
     * @param pattern names of its parameters, with * for any characters
     * @param learningRateFactor what the learning rate is multiplied by
     */
    public record Group(String pattern, double learningRateFactor) {}

    /**
     * Creates a description.
     *
     * @throws IllegalArgumentException if a number is out of range
     */
    public LoraPlus {
        if (!(ratio >= 1) || Double.isInfinite(ratio)) {
            throw new IllegalArgumentException("loraplus_lr_ratio must be at least 1, is " + ratio);
        }
        if (!(embeddingFactor > 0) || Double.isInfinite(embeddingFactor)) {
            throw new IllegalArgumentException(
                    "the factor of embeddings must be above 0, is " + embeddingFactor);
        }
    }

    /** Creates a description with embeddings that learn like A. */
    public static LoraPlus ratio(double ratio) {
        return new LoraPlus(ratio, 1);
    }

    /** Returns the groups of an adapter's parameters; those that fit none keep the rate. */
    public List<Group> groups(Lora lora) {
        boolean embeddings =
                lora.parameters().stream().anyMatch(p -> p.name().contains(".lora_embedding_"));
        Group b = new Group("*.lora_B.*", ratio);
        return embeddings
                ? List.of(new Group("*.lora_embedding_*", embeddingFactor), b)
                : List.of(b);
    }
}
