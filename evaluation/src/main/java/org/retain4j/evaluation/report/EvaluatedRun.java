package org.retain4j.evaluation.report;

import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * What one trained model scored: one method with one seed. Immutable and thread-safe.
 *
 * @param seed seed of the training; 0 where there was none
 * @param scores its scores, no task and metric twice
 * @param cost what it cost to make and to measure
 */
public record EvaluatedRun(long seed, List<TaskScores> scores, RunCost cost) {
    /**
     * Copies the list.
     *
     * @throws IllegalArgumentException if a score is there twice
     */
    public EvaluatedRun {
        scores = List.copyOf(scores);
        Set<String> keys = new HashSet<>();
        for (TaskScores score : scores) {
            if (!keys.add(score.key())) {
                throw new IllegalArgumentException("there are two scores " + score.key());
            }
        }
    }
}
