package org.retain4j.evaluation.scoring;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.Deque;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import org.retain4j.core.model.CausalLm;
import org.retain4j.core.model.TokenBatch;
import org.retain4j.core.tensor.Autograd;
import org.retain4j.core.tensor.Scope;

/**
 * Scores rows of tokens under a model, rows of like length together.
 *
 * <p>Rows are read into a window, sorted by length there, and run in batches whose rows times
 * longest row stay within a budget of tokens; short rows are filled up on the right, which changes
 * no result by more than rounding. Results come in the order of the requests. The window is
 * bounded, so that a stream may be larger than memory. Nothing is ever cut or added. Immutable;
 * safe for all threads as far as the model is.
 */
public final class TokenScorer {

    /** Tokens of a batch, padding included, unless told otherwise. */
    public static final int DEFAULT_BATCH_TOKENS = 2048;

    /** Rows of a batch at most, unless told otherwise. */
    public static final int DEFAULT_BATCH_ROWS = 256;

    private static final int WINDOW_ROWS = 4096;
    private static final int WINDOW_BATCHES = 16;
    private static final int PADDING = 0;

    private final CausalLm model;
    private final int batchTokens;
    private final int batchRows;
    private final int windowRows;

    private TokenScorer(CausalLm model, int batchTokens, int batchRows, int windowRows) {
        this.model = model;
        this.batchTokens = batchTokens;
        this.batchRows = batchRows;
        this.windowRows = windowRows;
    }

    /** Creates a scorer with the default sizes; the model is not closed by it. */
    public static TokenScorer of(CausalLm model) {
        return new TokenScorer(model, DEFAULT_BATCH_TOKENS, DEFAULT_BATCH_ROWS, WINDOW_ROWS);
    }

    /**
     * Returns a scorer with another budget of a batch: rows times longest row, at least 1. A longer
     * row makes a batch of its own.
     *
     * @throws IllegalArgumentException if that is less than 1
     */
    public TokenScorer withBatchTokens(int tokens) {
        return new TokenScorer(model, positive("batch tokens", tokens), batchRows, windowRows);
    }

    /**
     * Returns a scorer with another limit of the rows of a batch.
     *
     * @throws IllegalArgumentException if that is less than 1
     */
    public TokenScorer withBatchRows(int rows) {
        return new TokenScorer(model, batchTokens, positive("batch rows", rows), windowRows);
    }

    /**
     * Returns a scorer that reads at most so many rows ahead to sort them.
     *
     * @throws IllegalArgumentException if that is less than 1
     */
    public TokenScorer withWindowRows(int rows) {
        return new TokenScorer(model, batchTokens, batchRows, positive("window rows", rows));
    }

    private static int positive(String what, int value) {
        if (value < 1) {
            throw new IllegalArgumentException(what + " must be at least 1, is " + value);
        }
        return value;
    }

    /**
     * Checks that the model can score a row.
     *
     * @throws IllegalArgumentException if it has more tokens than the model has positions, or an id
     *     is not in the vocabulary
     */
    public void requireFits(ScoreRequest request) {
        int[] ids = request.ids();
        for (int i = 0; i < ids.length; i++) {
            if (ids[i] < 0 || ids[i] >= model.spec().vocabularySize()) {
                throw new IllegalArgumentException(
                        "token "
                                + i
                                + " has the id "
                                + ids[i]
                                + ", which is not in the model's vocabulary; expected 0 to "
                                + (model.spec().vocabularySize() - 1));
            }
        }
        if (ids.length > model.spec().maxPositions()) {
            throw new IllegalArgumentException(
                    "a row of "
                            + ids.length
                            + " tokens is longer than the model's "
                            + model.spec().maxPositions()
                            + " positions (max_position_embeddings); shorten it or cut it");
        }
    }

    /**
     * Scores all requests.
     *
     * @throws IllegalArgumentException if one does not {@linkplain #requireFits fit}, with its
     *     number
     */
    public List<RowScore> score(List<ScoreRequest> requests) {
        List<RowScore> scores = new ArrayList<>(requests.size());
        score(requests.iterator()).forEachRemaining(scores::add);
        return scores;
    }

    /**
     * Scores requests as they are asked for, one result for each request in the same order.
     *
     * <p>{@code hasNext} and {@code next} read ahead by a window and run the model; what the source
     * throws passes through.
     *
     * @return an iterator for one thread, which throws IllegalArgumentException at a request that
     *     does not {@linkplain #requireFits fit}, with its number
     */
    public Iterator<RowScore> score(Iterator<ScoreRequest> requests) {
        return new Scores(requests);
    }

    private RowScore[] run(List<ScoreRequest> window) {
        RowScore[] scores = new RowScore[window.size()];
        Arrays.fill(scores, new RowScore(new double[0], 0, 0, true));
        for (List<Integer> rows : batches(window)) {
            batch(window, rows, scores);
        }
        return scores;
    }

    /** Returns which rows run together, without those that have nothing to predict. */
    List<List<Integer>> batches(List<ScoreRequest> window) {
        List<Integer> order = new ArrayList<>();
        for (int i = 0; i < window.size(); i++) {
            if (window.get(i).ids().length > 1) {
                order.add(i);
            }
        }
        // the longest first: a batch that does not fit into memory fails at once
        order.sort(Comparator.comparingInt(row -> -window.get(row).ids().length));
        List<List<Integer>> batches = new ArrayList<>();
        int next = 0;
        while (next < order.size()) {
            int longest = window.get(order.get(next)).ids().length;
            int rows = Math.max(1, Math.min(batchRows, batchTokens / longest));
            int end = Math.min(order.size(), next + rows);
            batches.add(List.copyOf(order.subList(next, end)));
            next = end;
        }
        return batches;
    }

    private void batch(List<ScoreRequest> window, List<Integer> rows, RowScore[] scores) {
        List<int[]> ids = rows.stream().map(row -> window.get(row).ids()).toList();
        CausalLm.TokenScores found;
        try (Scope scope = Scope.open();
                Autograd.Mode mode = Autograd.noGrad()) {
            found = model.tokenScores(TokenBatch.padded(ids, PADDING, false));
        }
        for (int r = 0; r < rows.size(); r++) {
            ScoreRequest request = window.get(rows.get(r));
            int first = request.firstCounted();
            int length = request.ids().length;
            double sum = 0;
            boolean greedy = true;
            for (int t = first; t < length; t++) {
                sum += found.logProbs()[r][t];
                greedy &= found.best()[r][t];
            }
            double[] logProbs = Arrays.copyOfRange(found.logProbs()[r], 1, length);
            scores[rows.get(r)] = new RowScore(logProbs, request.counted(), sum, greedy);
        }
    }

    private final class Scores implements Iterator<RowScore> {

        private final Iterator<ScoreRequest> source;
        private final Deque<RowScore> ready = new ArrayDeque<>();
        private long taken;

        Scores(Iterator<ScoreRequest> source) {
            this.source = source;
        }

        @Override
        public boolean hasNext() {
            if (ready.isEmpty()) {
                List<ScoreRequest> window = read();
                ready.addAll(Arrays.asList(run(window)));
            }
            return !ready.isEmpty();
        }

        private List<ScoreRequest> read() {
            List<ScoreRequest> window = new ArrayList<>();
            long tokens = 0;
            while (window.size() < windowRows
                    && tokens < (long) WINDOW_BATCHES * batchTokens
                    && source.hasNext()) {
                ScoreRequest request = source.next();
                try {
                    requireFits(request);
                } catch (IllegalArgumentException e) {
                    throw new IllegalArgumentException(
                            "request " + (taken + 1) + ": " + e.getMessage(), e);
                }
                taken++;
                window.add(request);
                tokens += request.ids().length;
            }
            return window;
        }

        @Override
        public RowScore next() {
            if (!hasNext()) {
                throw new NoSuchElementException("all requests are scored");
            }
            return ready.remove();
        }
    }
}
