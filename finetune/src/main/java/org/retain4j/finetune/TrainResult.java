package org.retain4j.finetune;

import java.util.List;
import java.util.Map;

/**
 * What a run came to.
 *
 * @param steps optimizer steps done, those before a resume included
 * @param finalLoss task loss of the last step, in nats a token
 * @param newTokens tokens of new data seen
 * @param replayedTokens tokens of old data seen
 * @param stopped why a rule stopped the run early; empty when all steps were done
 * @param evaluation results of the last evaluations by name; empty when there were none
 * @param bestStep step whose weights the model has, where the best ones were asked for ({@link
 *     org.retain4j.finetune.checkpoint.CheckpointOptions#best}); 0 where it has those of the last
 *     step because they were not, or no evaluation gave a number
 * @param saveErrors checkpoints that could not be written, in one sentence each
 */
public record TrainResult(
        long steps,
        double finalLoss,
        long newTokens,
        long replayedTokens,
        String stopped,
        Map<String, Double> evaluation,
        long bestStep,
        List<String> saveErrors) {}
