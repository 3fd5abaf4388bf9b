package org.retain4j.finetune;

import java.util.List;
import org.retain4j.core.tensor.Kernels;
import org.retain4j.core.tensor.Tensor;

/**
 * Cross-entropy of the next token, optionally with label smoothing (Szegedy et al. 2016,
 * arXiv:1512.00567): (1 - e) · (-log p(target)) + e · mean over the vocabulary of -log p.
 *
 * <p>Immutable. The gradient softmax - target is written by hand; no graph over the scores is kept.
 *
 * @param labelSmoothing e, in [0, 1)
 */
public record CrossEntropy(double labelSmoothing) implements Objective {

    /**
     * Creates the loss.
     *
     * @throws IllegalArgumentException if the smoothing is not in [0, 1)
     */
    public CrossEntropy {
        if (!(labelSmoothing >= 0 && labelSmoothing < 1)) {
            throw new IllegalArgumentException(
                    "label_smoothing_factor must be in [0, 1), is " + labelSmoothing);
        }
    }

    /** Creates the loss without smoothing. */
    public CrossEntropy() {
        this(0);
    }

    @Override
    public Tensor accumulate(LogitChunk chunk) {
        return Kernels.callForList(
                        "cross_entropy_into",
                        chunk.logits(),
                        chunk.gradient(),
                        chunk.targets(),
                        chunk.weights(),
                        labelSmoothing)
                .get(0);
    }

    @Override
    public InPlace inPlace(Tensor logits, Tensor targets, Tensor weights) {
        List<Tensor> result =
                Kernels.callForList("cross_entropy_", logits, targets, weights, labelSmoothing);
        return new InPlace(result.get(0), result.get(1));
    }
}
