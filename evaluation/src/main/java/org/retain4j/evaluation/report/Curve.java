package org.retain4j.evaluation.report;

import java.util.List;

/**
 * Learning and forgetting measured along one training run.
 *
 * <p>The lists have one entry a measured point, in the order of the steps; the first point is step
 * 0, the base model. Immutable and thread-safe.
 *
 * @param seed the seed of the run
 * @param steps optimizer steps done when the point was measured
 * @param learnedBitsPerByte bits per byte on held-out new text, lower is better
 * @param retainedBitsPerByte bits per byte on held-out old text, lower is better
 * @param trainLossNats training loss in nats per token; NaN where none was measured, as before the
 *     first step
 */
public record Curve(
        long seed,
        List<Integer> steps,
        List<Double> learnedBitsPerByte,
        List<Double> retainedBitsPerByte,
        List<Double> trainLossNats) {

    /**
     * Copies the lists.
     *
     * @throws IllegalArgumentException if the lists differ in length
     */
    public Curve {
        steps = List.copyOf(steps);
        learnedBitsPerByte = List.copyOf(learnedBitsPerByte);
        retainedBitsPerByte = List.copyOf(retainedBitsPerByte);
        trainLossNats = List.copyOf(trainLossNats);
        if (learnedBitsPerByte.size() != steps.size()
                || retainedBitsPerByte.size() != steps.size()
                || trainLossNats.size() != steps.size()) {
            throw new IllegalArgumentException(
                    ("The curve of seed %d needs one value of each kind a step, but has %d steps, "
                                    + "%d learned, %d retained and %d training loss values.")
                            .formatted(
                                    seed,
                                    steps.size(),
                                    learnedBitsPerByte.size(),
                                    retainedBitsPerByte.size(),
                                    trainLossNats.size()));
        }
    }
}
