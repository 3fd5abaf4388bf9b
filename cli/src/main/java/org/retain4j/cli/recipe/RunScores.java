package org.retain4j.cli.recipe;

import java.util.List;

/**
 * What one run came to.
 *
 * @param key hash of settings and tasks that it is of
 * @param method name of the method; {@code base} for the model before training
 * @param seed seed of the run
 * @param steps optimizer steps
 * @param newTokens tokens of new data
 * @param replayedTokens tokens of old data
 * @param seconds how long training took
 * @param evaluationSeconds how long the tasks took
 * @param peakBytes most memory used at a time, 0 where the system does not tell
 * @param tasks scores of all tasks, in the order of the recipe
 */
record RunScores(
        String key,
        String method,
        long seed,
        long steps,
        long newTokens,
        long replayedTokens,
        double seconds,
        double evaluationSeconds,
        long peakBytes,
        List<TaskScores> tasks) {}
