package org.retain4j.evaluation.tasks;

import java.io.IOException;
import java.nio.IntBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.retain4j.core.model.CausalLm;
import org.retain4j.core.model.TokenBatch;
import org.retain4j.core.nn.KvCache;
import org.retain4j.core.tensor.Autograd;
import org.retain4j.core.tensor.Kernels;
import org.retain4j.core.tensor.Scope;
import org.retain4j.core.tensor.Tensor;
import org.retain4j.evaluation.scoring.ScoreRequest;

/**
 * Sums log-probabilities of the counted tokens of rows, reading a context that several rows share
 * once.
 *
 * <p>The last token of a row is predicted and never read, so that a row may be one token longer
 * than the model's positions, as in the harness. The scores of the vocabulary are computed only
 * where a token counts. Contexts that are shared fill a cache of keys and values, many contexts at
 * a time, padded on the left; then the first continuation of each runs on that cache, the second,
 * and so on.
 */
final class LikelihoodRunner {

    /** What came out for a row. */
    record Sum(double logLikelihood, boolean greedy) {}

    /** Told after each batch which rows are done. */
    interface Done {
        void rows(List<Integer> rows, Sum[] sums) throws IOException;
    }

    private static final int PADDING = 0;
    private static final int CHUNK = 256;

    /** Continuations whose lengths differ by less may run together. */
    private static final int LIKE = 8;

    private final CausalLm model;
    private final int batchTokens;
    private final int batchRows;

    LikelihoodRunner(CausalLm model, int batchTokens, int batchRows) {
        this.model = model;
        this.batchTokens = batchTokens;
        this.batchRows = batchRows;
    }

    /** Rows with the same context, those with the longest continuation first. */
    private record Group(int context, int longest, List<Integer> rows) {}

    /** Sharing saves reading the context again and costs filling up short continuations. */
    private static boolean isWorthSharing(List<ScoreRequest> rows, List<Integer> same) {
        long continuations = 0;
        for (int row : same) {
            continuations += rows.get(row).counted();
        }
        long saved = (same.size() - 1L) * rows.get(same.get(0)).firstCounted();
        return saved > 0 && 2 * saved >= continuations;
    }

    /** Runs all rows; each counts at least one token. */
    void run(List<ScoreRequest> rows, Done done) throws IOException {
        Sum[] sums = new Sum[rows.size()];
        List<Integer> alone = new ArrayList<>();
        List<Group> shared = new ArrayList<>();
        for (List<Integer> same : byContext(rows).values()) {
            if (!isWorthSharing(rows, same)) {
                alone.addAll(same);
            } else {
                same.sort(Comparator.comparingInt(row -> -rows.get(row).counted()));
                int longest = rows.get(same.get(0)).counted();
                shared.add(new Group(rows.get(same.get(0)).firstCounted(), longest, same));
            }
        }
        // continuations of like length together, since all of a round are filled up to the longest
        shared.sort(
                Comparator.comparingInt((Group group) -> -group.longest() / LIKE)
                        .thenComparing(group -> -group.context()));
        for (List<Group> batch : sharedBatches(rows, shared)) {
            runShared(rows, batch, sums);
            done.rows(batch.stream().flatMap(group -> group.rows().stream()).toList(), sums);
        }
        // the longest first: a batch that does not fit into memory fails at once
        alone.sort(Comparator.comparingInt(row -> -rows.get(row).ids().length));
        for (int next = 0; next < alone.size(); ) {
            int longest = rows.get(alone.get(next)).ids().length - 1;
            int count = Math.max(1, Math.min(batchRows, batchTokens / Math.max(1, longest)));
            List<Integer> batch = alone.subList(next, Math.min(alone.size(), next + count));
            runAlone(rows, batch, sums);
            done.rows(batch, sums);
            next += batch.size();
        }
    }

    private static Map<IntBuffer, List<Integer>> byContext(List<ScoreRequest> rows) {
        Map<IntBuffer, List<Integer>> groups = new LinkedHashMap<>();
        for (int r = 0; r < rows.size(); r++) {
            ScoreRequest row = rows.get(r);
            IntBuffer context = IntBuffer.wrap(row.ids(), 0, row.firstCounted());
            groups.computeIfAbsent(context, key -> new ArrayList<>()).add(r);
        }
        return groups;
    }

    /** Puts groups together whose longest context and longest continuation still fit. */
    private List<List<Group>> sharedBatches(List<ScoreRequest> rows, List<Group> groups) {
        List<List<Group>> batches = new ArrayList<>();
        List<Group> batch = new ArrayList<>();
        int context = 0;
        int continuation = 0;
        for (Group group : groups) {
            int most = rows.get(group.rows().get(0)).counted() - 1;
            int newContext = Math.max(context, group.context());
            int newContinuation = Math.max(continuation, most);
            long tokens = (batch.size() + 1L) * (newContext + newContinuation);
            boolean fits =
                    batch.size() < batchRows
                            && tokens <= batchTokens
                            && newContext + newContinuation <= model.spec().maxPositions();
            if (!batch.isEmpty() && !fits) {
                batches.add(batch);
                batch = new ArrayList<>();
                newContext = group.context();
                newContinuation = most;
            }
            batch.add(group);
            context = newContext;
            continuation = newContinuation;
        }
        if (!batch.isEmpty()) {
            batches.add(batch);
        }
        return batches;
    }

    private void runAlone(List<ScoreRequest> rows, List<Integer> batch, Sum[] sums) {
        List<int[]> read = new ArrayList<>();
        for (int row : batch) {
            int[] ids = rows.get(row).ids();
            read.add(Arrays.copyOf(ids, ids.length - 1));
        }
        try (Scope scope = Scope.open();
                Autograd.Mode mode = Autograd.noGrad()) {
            TokenBatch tokens = TokenBatch.padded(read, PADDING, false);
            Tensor hidden = model.hidden(tokens);
            Places places = new Places(tokens.tokens());
            for (int i = 0; i < batch.size(); i++) {
                ScoreRequest row = rows.get(batch.get(i));
                for (int t = row.firstCounted(); t < row.ids().length; t++) {
                    places.add(i, t - 1, row.ids()[t], batch.get(i));
                }
            }
            places.score(hidden, sums);
        }
    }

    private void runShared(List<ScoreRequest> rows, List<Group> batch, Sum[] sums) {
        List<int[]> contexts = new ArrayList<>();
        int rounds = 0;
        int longest = 0;
        for (Group group : batch) {
            ScoreRequest first = rows.get(group.rows().get(0));
            contexts.add(Arrays.copyOf(first.ids(), group.context()));
            rounds = Math.max(rounds, group.rows().size());
            longest = Math.max(longest, first.counted() - 1);
        }
        TokenBatch read = TokenBatch.padded(contexts, PADDING, true);
        try (Scope scope = Scope.open();
                Autograd.Mode mode = Autograd.noGrad();
                KvCache cache = model.newCache(batch.size(), read.tokens() + longest)) {
            Tensor last = model.hidden(read, cache).narrow(1, read.tokens() - 1L, 1);
            for (int round = 0; round < rounds; round++) {
                try (Scope part = Scope.open()) {
                    runRound(rows, batch, round, last, cache, sums);
                }
                cache.truncate(read.tokens());
            }
        }
    }

    private void runRound(
            List<ScoreRequest> rows,
            List<Group> batch,
            int round,
            Tensor last,
            KvCache cache,
            Sum[] sums) {
        int length = 0;
        for (Group group : batch) {
            if (round < group.rows().size()) {
                length = Math.max(length, rows.get(group.rows().get(round)).counted());
            }
        }
        Places places = new Places(length);
        List<int[]> next = new ArrayList<>();
        for (int i = 0; i < batch.size(); i++) {
            // what follows a row's own tokens is read by nothing that counts
            int[] ids = new int[length - 1];
            Group group = batch.get(i);
            if (round < group.rows().size()) {
                int number = group.rows().get(round);
                ScoreRequest row = rows.get(number);
                int first = row.firstCounted();
                System.arraycopy(row.ids(), first, ids, 0, row.counted() - 1);
                for (int t = 0; t < row.counted(); t++) {
                    places.add(i, t, row.ids()[first + t], number);
                }
            }
            next.add(ids);
        }
        Tensor hidden =
                length == 1
                        ? last
                        : Tensor.cat(List.of(last, model.hidden(TokenBatch.of(next), cache)), 1);
        places.score(hidden, sums);
    }

    /** Positions of a batch where a token counts, and which row each belongs to. */
    private final class Places {

        private final int width;
        private final List<long[]> places = new ArrayList<>();

        /**
         * @param width tokens of a row of the batch
         */
        Places(int width) {
            this.width = width;
        }

        void add(int batchRow, int token, int target, int row) {
            places.add(new long[] {(long) batchRow * width + token, target, row});
        }

        void score(Tensor hidden, Sum[] sums) {
            int count = places.size();
            long[] at = places.stream().mapToLong(place -> place[0]).toArray();
            long[] targets = places.stream().mapToLong(place -> place[1]).toArray();
            Tensor flat = hidden.reshape(-1, model.spec().hiddenSize());
            float[] found =
                    Kernels.call(
                                    "token_scores",
                                    flat.indexSelect(0, Tensor.of(at, count).to(model.device())),
                                    model.headMatrix(),
                                    Tensor.of(targets, count).to(model.device()),
                                    CHUNK,
                                    model.spec().logitSoftCap(),
                                    model.precision().computeType().scalarType())
                            .toFloatArray();
            for (int i = 0; i < count; i++) {
                int row = (int) places.get(i)[2];
                Sum before = sums[row] == null ? new Sum(0, true) : sums[row];
                sums[row] =
                        new Sum(
                                before.logLikelihood() + found[i],
                                before.greedy() && found[count + i] == 1);
            }
        }
    }
}
