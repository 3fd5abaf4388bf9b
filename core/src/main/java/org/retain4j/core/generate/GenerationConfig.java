package org.retain4j.core.generate;

import java.util.List;
import java.util.Set;

/**
 * How texts are continued.
 *
 * <p>Immutable.
 *
 * @param maxNewTokens largest number of new tokens of a row, at least 0
 * @param sampling how the next token is chosen
 * @param stopIds tokens that end a row
 * @param stopStrings texts that end a row, none empty; they need a tokenizer
 * @param seed seed of the draws
 * @param firstRow number of the first prompt in the draws: prompts that are generated in several
 *     batches come out as in one when each batch counts on
 */
public record GenerationConfig(
        int maxNewTokens,
        Sampling sampling,
        Set<Integer> stopIds,
        List<String> stopStrings,
        long seed,
        int firstRow) {

    /**
     * Creates a setting.
     *
     * @throws IllegalArgumentException if the number of tokens is negative or a stop string empty
     */
    public GenerationConfig {
        if (maxNewTokens < 0) {
            throw new IllegalArgumentException(
                    "max_new_tokens must be 0 or more, is " + maxNewTokens);
        }
        if (stopStrings.stream().anyMatch(String::isEmpty)) {
            throw new IllegalArgumentException("a stop string must not be empty");
        }
        stopIds = Set.copyOf(stopIds);
        stopStrings = List.copyOf(stopStrings);
    }

    /** Greedy, with nothing that ends a row but its length. */
    public static GenerationConfig of(int maxNewTokens) {
        return new GenerationConfig(maxNewTokens, Sampling.greedy(), Set.of(), List.of(), 0, 0);
    }

    /** Returns this setting with another way to choose tokens. */
    public GenerationConfig withSampling(Sampling value) {
        return new GenerationConfig(maxNewTokens, value, stopIds, stopStrings, seed, firstRow);
    }

    /** Returns this setting with other tokens that end a row. */
    public GenerationConfig withStopIds(Set<Integer> value) {
        return new GenerationConfig(maxNewTokens, sampling, value, stopStrings, seed, firstRow);
    }

    /** Returns this setting with other texts that end a row. */
    public GenerationConfig withStopStrings(List<String> value) {
        return new GenerationConfig(maxNewTokens, sampling, stopIds, value, seed, firstRow);
    }

    /** Returns this setting with another seed of the draws. */
    public GenerationConfig withSeed(long value) {
        return new GenerationConfig(maxNewTokens, sampling, stopIds, stopStrings, value, firstRow);
    }

    /** Returns this setting with another number of the first prompt in the draws. */
    public GenerationConfig withFirstRow(int value) {
        return new GenerationConfig(maxNewTokens, sampling, stopIds, stopStrings, seed, value);
    }
}
