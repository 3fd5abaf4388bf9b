package org.retain4j.evaluation.tasks;

import java.util.OptionalInt;
import org.retain4j.evaluation.scoring.TokenScorer;
import org.retain4j.evaluation.statistics.StandardError;

/**
 * How tasks are run. Immutable; start from {@link #defaults()}.
 *
 * @param limit most items of a task, of each subject where a task has subjects; 0 for all
 * @param shots number of examples in a prompt instead of each task's own
 * @param chat whether prompts are put into the model's chat template
 * @param multiturn whether examples are turns of the conversation instead of one message
 * @param system text of a system message, or ""
 * @param batchTokens tokens of a batch at most, padding included, at least 1
 * @param batchRows rows of a batch at most, at least 1
 * @param maxLength most tokens the model reads at a time, at most its positions
 * @param bootstraps bootstrap samples for the errors of perplexities; 0 for no such errors
 * @param seed seed of the few-shot examples
 */
public record EvaluationOptions(
        int limit,
        OptionalInt shots,
        boolean chat,
        boolean multiturn,
        String system,
        int batchTokens,
        int batchRows,
        int maxLength,
        int bootstraps,
        long seed) {

    /**
     * Checks the ranges.
     *
     * @throws IllegalArgumentException if a number is out of range
     */
    public EvaluationOptions {
        require(limit >= 0, "limit", limit);
        require(shots.orElse(0) >= 0, "shots", shots.orElse(0));
        require(batchTokens >= 1, "batchTokens", batchTokens);
        require(batchRows >= 1, "batchRows", batchRows);
        require(maxLength >= 1, "maxLength", maxLength);
        require(bootstraps >= 0, "bootstraps", bootstraps);
    }

    private static void require(boolean isRight, String name, int value) {
        if (!isRight) {
            throw new IllegalArgumentException(name + " must not be " + value);
        }
    }

    /** Everything as the harness does it: all items, each task's own examples, no template. */
    public static EvaluationOptions defaults() {
        return new EvaluationOptions(
                0,
                OptionalInt.empty(),
                false,
                false,
                "",
                TokenScorer.DEFAULT_BATCH_TOKENS,
                TokenScorer.DEFAULT_BATCH_ROWS,
                Integer.MAX_VALUE - 1,
                StandardError.HARNESS_ITERATIONS,
                FewShot.SEED);
    }

    /** Returns whether the tokenizer adds its special tokens; a chat template writes them out. */
    boolean addSpecialTokens() {
        return !chat;
    }

    /** Returns these options with another limit. */
    public EvaluationOptions withLimit(int value) {
        return new EvaluationOptions(
                value,
                shots,
                chat,
                multiturn,
                system,
                batchTokens,
                batchRows,
                maxLength,
                bootstraps,
                seed);
    }

    /** Returns these options with a number of examples for all tasks. */
    public EvaluationOptions withShots(int value) {
        return new EvaluationOptions(
                limit,
                OptionalInt.of(value),
                chat,
                multiturn,
                system,
                batchTokens,
                batchRows,
                maxLength,
                bootstraps,
                seed);
    }

    /** Returns these options with or without the chat template. */
    public EvaluationOptions withChat(boolean value, boolean asTurns, String systemText) {
        return new EvaluationOptions(
                limit,
                shots,
                value,
                asTurns,
                systemText,
                batchTokens,
                batchRows,
                maxLength,
                bootstraps,
                seed);
    }

    /** Returns these options with other batches. */
    public EvaluationOptions withBatch(int tokens, int rows) {
        return new EvaluationOptions(
                limit, shots, chat, multiturn, system, tokens, rows, maxLength, bootstraps, seed);
    }

    /** Returns these options with another number of tokens that the model reads. */
    public EvaluationOptions withMaxLength(int value) {
        return new EvaluationOptions(
                limit,
                shots,
                chat,
                multiturn,
                system,
                batchTokens,
                batchRows,
                value,
                bootstraps,
                seed);
    }

    /** Returns these options with another number of bootstrap samples. */
    public EvaluationOptions withBootstraps(int value) {
        return new EvaluationOptions(
                limit,
                shots,
                chat,
                multiturn,
                system,
                batchTokens,
                batchRows,
                maxLength,
                value,
                seed);
    }

    /** Returns these options with another seed of the examples. */
    public EvaluationOptions withSeed(long value) {
        return new EvaluationOptions(
                limit,
                shots,
                chat,
                multiturn,
                system,
                batchTokens,
                batchRows,
                maxLength,
                bootstraps,
                value);
    }
}
