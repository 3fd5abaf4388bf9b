package org.retain4j.replay;

import java.util.ArrayList;
import java.util.List;
import java.util.OptionalInt;
import org.retain4j.core.generate.Generator;
import org.retain4j.core.generate.Sampling;
import org.retain4j.core.model.CausalLm;
import org.retain4j.core.tensor.Random;
import org.retain4j.finetune.data.TextBlocks;

/**
 * Writes replay data with the base model itself, for when the old data is not at hand (pseudo
 * rehearsal, Robins 1995, doi:10.1080/09540099550039318; for language models LAMOL, Sun et al.
 * 2020, arXiv:1909.03329).
 *
 * <p>Samples start at the model's start token and are drawn at temperature 1 from the whole
 * vocabulary, so that they follow the model's own distribution. Use the result with {@link
 * ExperienceReplay}. Costs one generated token for each token replayed the first time.
 *
 * @param samples number of samples, 1 or more
 * @param length tokens of a sample, the start token included
 * @param sampling how tokens are drawn
 * @param seed seed of the draws
 */
public record SelfGenerated(int samples, int length, Sampling sampling, long seed) {

    private static final int ROWS_AT_ONCE = 64;

    /**
     * Creates the generator.
     *
     * @throws IllegalArgumentException if a number is not positive
     */
    public SelfGenerated {
        if (samples < 1 || length < 2) {
            throw new IllegalArgumentException(
                    "self-generated replay needs at least 1 sample of 2 tokens, not "
                            + samples
                            + " of "
                            + length);
        }
    }

    /** Creates a generator at temperature 1. */
    public SelfGenerated(int samples, int length, long seed) {
        this(samples, length, Sampling.temperature(1), seed);
    }

    /**
     * Draws the samples from a model.
     *
     * @throws IllegalArgumentException if its tokenizer has neither a start nor an end token
     */
    public TextBlocks write(CausalLm model) {
        int start =
                model.tokenizer()
                        .bosId()
                        .orElseGet(
                                () ->
                                        model.tokenizer()
                                                .eosId()
                                                .orElseThrow(
                                                        () ->
                                                                new IllegalArgumentException(
                                                                        "the tokenizer has neither"
                                                                                + " a start nor an"
                                                                                + " end token")));
        // without a stop token a sample goes on with the next text, as blocks of real data do
        Generator generator = new Generator(model, sampling, OptionalInt.empty());
        List<int[]> rows = new ArrayList<>();
        while (rows.size() < samples) {
            int count = Math.min(ROWS_AT_ONCE, samples - rows.size());
            List<int[]> prompts = new ArrayList<>();
            for (int r = 0; r < count; r++) {
                prompts.add(new int[] {start});
            }
            long draws = Random.at(seed, rows.size(), "self-generated").nextLong();
            for (int[] written : generator.generate(prompts, length - 1, draws)) {
                int[] row = new int[length];
                row[0] = start;
                System.arraycopy(written, 0, row, 1, written.length);
                rows.add(row);
            }
        }
        return TextBlocks.ofTokens(rows, length, seed);
    }
}
