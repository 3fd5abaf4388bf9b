package org.retain4j.regularization;

import java.util.List;
import org.jspecify.annotations.Nullable;
import org.retain4j.core.tensor.Kernels;
import org.retain4j.core.tensor.Random;
import org.retain4j.core.tensor.Tensor;
import org.retain4j.finetune.LogitChunk;
import org.retain4j.finetune.Objective;

/**
 * Cross-entropy of labels that the model gives itself, drawn from its scores or the likeliest ones.
 *
 * <p>They are taken from the scores of the pass whose gradient is wanted, so no second pass is
 * needed. Used by one thread.
 */
final class DrawnLabels implements Objective {

    private @Nullable Random random;

    /** Draws the labels of the next pass; null takes the likeliest. */
    void draw(@Nullable Random next) {
        random = next;
    }

    @Override
    public Tensor accumulate(LogitChunk chunk) {
        InPlace one = inPlace(chunk.logits().copy(), chunk.targets(), chunk.weights());
        Kernels.call("list_add_", List.of(chunk.gradient()), List.of(one.gradient()), 1.0);
        return one.loss();
    }

    @Override
    public InPlace inPlace(Tensor logits, Tensor targets, Tensor weights) {
        Random draws = random;
        int places = draws == null ? 0 : (int) targets.elements();
        Tensor uniforms =
                (draws == null ? Tensor.of(new double[0], 0) : draws.uniform(places))
                        .to(logits.device());
        List<Tensor> result =
                Kernels.callForList("cross_entropy_drawn_", logits, uniforms, targets, weights);
        return new InPlace(result.get(0), result.get(1));
    }
}
