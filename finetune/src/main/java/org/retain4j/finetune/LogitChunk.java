package org.retain4j.finetune;

import org.retain4j.core.tensor.Tensor;

/**
 * Scores of the vocabulary at some positions, and what counts there.
 *
 * <p>Nothing is recorded: a loss adds its own gradient.
 *
 * @param logits scores, float32 {@code [positions, vocabulary]}; not to be changed
 * @param gradient receives the gradient of the losses with respect to the scores, added up
 * @param targets the token that follows at each position, int64 {@code [positions]}; negative where
 *     nothing counts
 * @param weights share of each position in the loss, float32 {@code [positions]}; over a global
 *     batch they sum to 1
 */
public record LogitChunk(Tensor logits, Tensor gradient, Tensor targets, Tensor weights) {}
