package org.retain4j.evaluation.report;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * What was seen of a training run after one step.
 *
 * <p>Numbers that are not known or not finite are NaN; charts leave them out. Immutable and
 * thread-safe.
 *
 * @param step optimizer steps done, from 1
 * @param loss training loss in nats a token
 * @param gradientNorm Euclidean norm of the gradient before clipping
 * @param learningRate learning rate of the step
 * @param tokensPerSecond tokens trained on a second around this step
 * @param evaluation results of evaluations after the step by name, such as {@code eval_loss} and
 *     {@code old_rise}; empty when there were none
 */
public record TrainingPoint(
        long step,
        double loss,
        double gradientNorm,
        double learningRate,
        double tokensPerSecond,
        Map<String, Double> evaluation) {

    /** Copies the map. */
    public TrainingPoint {
        evaluation =
                evaluation.isEmpty()
                        ? Map.of()
                        : Collections.unmodifiableMap(new LinkedHashMap<>(evaluation));
    }
}
