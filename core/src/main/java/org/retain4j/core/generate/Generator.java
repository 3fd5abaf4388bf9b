package org.retain4j.core.generate;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalInt;
import java.util.Set;
import org.retain4j.core.model.CausalLm;
import org.retain4j.core.model.TokenBatch;
import org.retain4j.core.nn.KvCache;
import org.retain4j.core.tensor.DType;
import org.retain4j.core.tensor.Kernels;
import org.retain4j.core.tensor.Random;
import org.retain4j.core.tensor.Scope;
import org.retain4j.core.tensor.Tensor;

/**
 * Continues sequences of tokens with a language model.
 *
 * <p>Prompts of different lengths run as one batch with padding on the left; a row comes out as if
 * it ran alone. Draws depend only on the seed, the number of the prompt and the position, so the
 * same call gives the same text. Safe for all threads.
 */
public final class Generator {

    private final CausalLm model;
    private final Sampling sampling;
    private final Set<Integer> stopIds;

    /**
     * Creates a generator that stops a row at the model's end-of-text tokens.
     *
     * @param sampling how the next token is chosen
     */
    public Generator(CausalLm model, Sampling sampling) {
        this(model, sampling, Set.copyOf(model.tokenizer().eosIds()));
    }

    /** Creates a generator that stops a row at a token of choice, or never when empty. */
    public Generator(CausalLm model, Sampling sampling, OptionalInt stop) {
        this(model, sampling, stop.isPresent() ? Set.of(stop.getAsInt()) : Set.of());
    }

    private Generator(CausalLm model, Sampling sampling, Set<Integer> stopIds) {
        this.model = model;
        this.sampling = sampling;
        this.stopIds = stopIds;
    }

    /**
     * Returns the default setting for this generator: its sampling, stop tokens and a number of
     * tokens.
     */
    public GenerationConfig config(int maxNewTokens) {
        return GenerationConfig.of(maxNewTokens).withSampling(sampling).withStopIds(stopIds);
    }

    /**
     * Continues prompts and returns the new tokens alone.
     *
     * @param prompts at least one prompt of at least one token
     * @param newTokens largest number of new tokens
     * @param seed seed of the draws
     * @return the new tokens of each row, without the prompt and without the stop token
     * @throws IllegalArgumentException if there is no prompt or an empty one, an id is not in the
     *     vocabulary, or prompt and new tokens are longer than the model's positions
     */
    public List<int[]> generate(List<int[]> prompts, int newTokens, long seed) {
        List<int[]> result = new ArrayList<>();
        for (Generation row : run(prompts, config(newTokens).withSeed(seed))) {
            int length = row.ids().length - (row.reason() == StopReason.EOS ? 1 : 0);
            result.add(Arrays.copyOf(row.ids(), length));
        }
        return result;
    }

    /** Continues a text and returns the new text alone. */
    public String generate(String prompt, int newTokens, long seed) {
        int[] ids = model.tokenizer().encode(prompt);
        return run(List.of(ids), config(newTokens).withSeed(seed)).get(0).text();
    }

    /** Continues prompts; otherwise as {@link #run(List, GenerationConfig, TokenListener)}. */
    public List<Generation> run(List<int[]> prompts, GenerationConfig config) {
        return run(prompts, config, (row, id, text) -> true);
    }

    /**
     * Continues prompts.
     *
     * @param prompts at least one prompt of at least one token
     * @param config how; its sampling and stop tokens go before those of this generator
     * @param listener told of each token in turn, in the calling thread
     * @return what was generated, in the order of the prompts
     * @throws IllegalArgumentException if there is no prompt or an empty one, an id is not in the
     *     vocabulary, prompt and new tokens are longer than the model's positions, or there are
     *     stop strings and no tokenizer
     */
    public List<Generation> run(
            List<int[]> prompts, GenerationConfig config, TokenListener listener) {
        TokenBatch batch = TokenBatch.padded(prompts, 0, true);
        requireRoom(batch, config);
        if (!config.stopStrings().isEmpty() && !model.hasTokenizer()) {
            throw new IllegalArgumentException("stop strings need a model with a tokenizer");
        }
        List<Row> rows = new ArrayList<>();
        for (int[] prompt : prompts) {
            rows.add(new Row(prompt, config, model.hasTokenizer() ? model.tokenizer() : null));
        }
        boolean goesOn = true;
        try (Scope scope = Scope.open();
                KvCache cache =
                        model.newCache(rows.size(), batch.tokens() + config.maxNewTokens())) {
            Tensor seen = seen(prompts, config.sampling());
            for (int step = 0; step < config.maxNewTokens() && goesOn; step++) {
                long[] next;
                try (Scope inner = Scope.open()) {
                    Tensor hidden = model.hidden(batch, cache);
                    Tensor last = hidden.select(1, batch.tokens() - 1L);
                    next = choose(model.head(last), seen, config, step);
                }
                List<int[]> column = new ArrayList<>();
                boolean allEnded = true;
                for (int r = 0; r < rows.size(); r++) {
                    int id = (int) next[r];
                    Row row = rows.get(r);
                    if (!row.hasEnded()) {
                        String text = row.add(id, config.stopIds().contains(id));
                        if (step + 1 == config.maxNewTokens()) {
                            text += row.end(StopReason.LENGTH);
                        }
                        goesOn &= listener.onToken(r, id, text);
                    }
                    allEnded &= row.hasEnded();
                    column.add(new int[] {id});
                }
                goesOn &= !allEnded;
                batch = TokenBatch.of(column);
            }
        }
        rows.forEach(row -> row.end(StopReason.CANCELLED));
        return rows.stream().map(Row::result).toList();
    }

    private void requireRoom(TokenBatch batch, GenerationConfig config) {
        int positions = model.spec().maxPositions();
        if (config.maxNewTokens() > positions - batch.tokens()) {
            throw new IllegalArgumentException(
                    config.maxNewTokens()
                            + " new tokens after a prompt of "
                            + batch.tokens()
                            + " do not fit; expected together at most "
                            + positions
                            + " (max_position_embeddings)");
        }
    }

    /** Returns which tokens each row holds, {@code [rows, vocabulary]}, when a penalty asks. */
    private Tensor seen(List<int[]> prompts, Sampling how) {
        if (how.repetitionPenalty() == 1) {
            return Tensor.zeros(DType.BOOL, model.device(), 0);
        }
        int vocabulary = model.spec().vocabularySize();
        boolean[] seen = new boolean[prompts.size() * vocabulary];
        for (int r = 0; r < prompts.size(); r++) {
            for (int id : prompts.get(r)) {
                if (id >= 0 && id < vocabulary) {
                    seen[r * vocabulary + id] = true;
                }
            }
        }
        return Tensor.of(seen, prompts.size(), vocabulary).to(model.device());
    }

    private long[] choose(Tensor logits, Tensor seen, GenerationConfig config, int step) {
        Sampling how = config.sampling();
        int rows = (int) logits.size(0);
        double[] uniforms = new double[rows];
        if (how.temperature() > 0) {
            for (int r = 0; r < rows; r++) {
                // a row's draws must not depend on which rows stand beside it
                String site = "sample-row-" + (config.firstRow() + r);
                uniforms[r] = Random.at(config.seed(), step, site).nextDouble();
            }
        }
        Tensor draws = Tensor.of(uniforms, rows).to(logits.device());
        return Kernels.call(
                        "sample",
                        logits,
                        seen,
                        how.repetitionPenalty(),
                        how.temperature(),
                        how.topK(),
                        how.topP(),
                        how.minP(),
                        draws)
                .toLongArray();
    }
}
