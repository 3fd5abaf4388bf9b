package org.retain4j.evaluation.report;

/**
 * What a run cost; 0 where it was not measured.
 *
 * @param trainingSeconds wall-clock time of the training
 * @param trainingTokens tokens trained on
 * @param extraTokens tokens sent through the model besides: replayed, teacher, Fisher, generation
 * @param peakBytes most memory used at a time
 * @param evaluationSeconds wall-clock time of the evaluation
 */
public record RunCost(
        double trainingSeconds,
        long trainingTokens,
        long extraTokens,
        long peakBytes,
        double evaluationSeconds) {
    /** Nothing was measured. */
    public static final RunCost UNKNOWN = new RunCost(0, 0, 0, 0, 0);

    /** Returns the cost of a model that was only evaluated. */
    public static RunCost ofEvaluation(double seconds, long peakBytes) {
        return new RunCost(0, 0, 0, peakBytes, seconds);
    }
}
