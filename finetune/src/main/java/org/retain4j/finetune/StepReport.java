package org.retain4j.finetune;

import java.util.Map;

/**
 * What happened in one step.
 *
 * @param step number of the step, from 1
 * @param steps number of steps of the run
 * @param loss task loss in nats a token, weighted mean over the global batch, with the penalties of
 *     the mode LOSS
 * @param distillation sum of the distillation losses, with their strengths
 * @param penalty sum of the penalties before the step, with their strengths
 * @param penaltyGradientShare sum of the norms of the penalty gradients over that of the task; 0
 *     without penalties that join the gradient
 * @param drift largest distance of the parameters from an anchor before the step, Euclidean norm; 0
 *     without penalties
 * @param gradientNorm Euclidean norm of the whole gradient before clipping
 * @param learningRate learning rate of the step
 * @param newTokens tokens of new data seen so far
 * @param replayedTokens tokens of old data seen so far
 * @param tokens tokens of this step, padding not counted
 * @param seconds how long the step took, without evaluations; not the same in a repeated run
 * @param intervalTokens tokens of the steps since the last one that was logged, this one included
 * @param intervalSeconds how long those steps took, without evaluations; as {@code seconds}, not
 *     the same in a repeated run
 * @param evaluation results of the evaluations after this step by name; empty when there were none
 */
public record StepReport(
        long step,
        long steps,
        double loss,
        double distillation,
        double penalty,
        double penaltyGradientShare,
        double drift,
        double gradientNorm,
        double learningRate,
        long newTokens,
        long replayedTokens,
        long tokens,
        double seconds,
        long intervalTokens,
        double intervalSeconds,
        Map<String, Double> evaluation) {

    /** Returns the tokens trained on a second since the last step that was logged. */
    public double tokensPerSecond() {
        return intervalTokens / intervalSeconds;
    }
}
