package org.retain4j.core.generate;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalInt;
import org.retain4j.core.model.CausalLm;
import org.retain4j.core.model.TokenBatch;
import org.retain4j.core.nn.KvCache;
import org.retain4j.core.tensor.Kernels;
import org.retain4j.core.tensor.Random;
import org.retain4j.core.tensor.Scope;
import org.retain4j.core.tensor.Tensor;

/**
 * Continues sequences of tokens with a language model.
 *
 * <p>Draws depend only on the seed, the row and the position, so the same call gives the same text.
 * Safe for all threads.
 */
public final class Generator {

    private final CausalLm model;
    private final Sampling sampling;
    private final OptionalInt stop;

    /**
     * Creates a generator that stops a row at the model's end-of-text token.
     *
     * @param sampling how the next token is chosen
     */
    public Generator(CausalLm model, Sampling sampling) {
        this(model, sampling, model.tokenizer().eosId());
    }

    /** Creates a generator that stops a row at a token of choice, or never when empty. */
    public Generator(CausalLm model, Sampling sampling, OptionalInt stop) {
        this.model = model;
        this.sampling = sampling;
        this.stop = stop;
    }

    /**
     * Continues prompts of equal length.
     *
     * @param prompts at least one prompt of at least one token
     * @param newTokens largest number of new tokens
     * @param seed seed of the draws
     * @return the new tokens of each row, without the prompt and without the stop token
     * @throws IllegalArgumentException if prompts are empty or of different lengths, an id is not
     *     in the vocabulary, or prompt and new tokens are longer than the model's positions
     */
    public List<int[]> generate(List<int[]> prompts, int newTokens, long seed) {
        TokenBatch batch = TokenBatch.of(prompts);
        int positions = model.spec().maxPositions();
        if (newTokens < 0 || newTokens > positions - batch.tokens()) {
            throw new IllegalArgumentException(
                    newTokens
                            + " new tokens after a prompt of "
                            + batch.tokens()
                            + " do not fit; expected 0 or more and together at most "
                            + positions
                            + " (max_position_embeddings)");
        }
        int rows = batch.rows();
        int[][] produced = new int[rows][newTokens];
        int[] lengths = new int[rows];
        Arrays.fill(lengths, -1);
        try (Scope scope = Scope.open();
                KvCache cache = model.newCache(rows, batch.tokens() + newTokens)) {
            for (int step = 0; step < newTokens && !allStopped(lengths); step++) {
                long[] next;
                try (Scope inner = Scope.open()) {
                    Tensor hidden = model.hidden(batch, cache);
                    Tensor last = hidden.select(1, batch.tokens() - 1L);
                    next = choose(model.head(last), rows, seed, step);
                }
                List<int[]> column = new ArrayList<>();
                for (int r = 0; r < rows; r++) {
                    int id = (int) next[r];
                    if (lengths[r] < 0 && stop.isPresent() && id == stop.getAsInt()) {
                        lengths[r] = step;
                    }
                    produced[r][step] = id;
                    column.add(new int[] {id});
                }
                batch = TokenBatch.of(column);
            }
        }
        List<int[]> result = new ArrayList<>();
        for (int r = 0; r < rows; r++) {
            result.add(Arrays.copyOf(produced[r], lengths[r] < 0 ? newTokens : lengths[r]));
        }
        return result;
    }

    /** Continues a text and returns the new text alone. */
    public String generate(String prompt, int newTokens, long seed) {
        int[] ids = model.tokenizer().encode(prompt);
        int[] produced = generate(List.of(ids), newTokens, seed).get(0);
        // decoding prompt and answer together keeps the space between them
        int[] all = Arrays.copyOf(ids, ids.length + produced.length);
        System.arraycopy(produced, 0, all, ids.length, produced.length);
        String text = model.tokenizer().decode(all, true);
        String start = model.tokenizer().decode(ids, true);
        return text.startsWith(start) ? text.substring(start.length()) : text;
    }

    private long[] choose(Tensor logits, int rows, long seed, int step) {
        double[] uniforms = new double[rows];
        if (sampling.temperature() > 0) {
            for (int r = 0; r < rows; r++) {
                // a row's draws must not depend on which rows stand beside it
                uniforms[r] = Random.at(seed, step, "sample-row-" + r).nextDouble();
            }
        }
        Tensor draws = Tensor.of(uniforms, rows).to(logits.device());
        return Kernels.call(
                        "sample",
                        logits,
                        sampling.temperature(),
                        sampling.topK(),
                        sampling.topP(),
                        draws)
                .toLongArray();
    }

    private static boolean allStopped(int[] lengths) {
        for (int length : lengths) {
            if (length < 0) {
                return false;
            }
        }
        return true;
    }
}
