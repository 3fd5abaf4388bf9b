package org.retain4j.finetune;

import org.jspecify.annotations.Nullable;
import org.retain4j.core.tensor.Tensor;

/** The loss of the task, computed on scores together with its gradient. */
public interface Objective extends Stateful {

    /**
     * Adds the gradient of the loss to the chunk's and returns the loss, weighted and summed.
     *
     * @return one element
     */
    Tensor accumulate(LogitChunk chunk);

    /**
     * Computes the loss when no other loss needs the scores, so that the gradient may overwrite
     * them.
     *
     * @return the loss and the gradient, or null when this objective has no such form
     */
    default @Nullable InPlace inPlace(Tensor logits, Tensor targets, Tensor weights) {
        return null;
    }

    /**
     * Result of an in-place computation.
     *
     * @param loss one element
     * @param gradient gradient with respect to the scores, of their shape
     */
    record InPlace(Tensor loss, Tensor gradient) {}
}
