package org.retain4j.evaluation.scoring;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.retain4j.core.model.CausalLm;
import org.retain4j.core.model.Pretrained;
import org.retain4j.core.model.TokenBatch;
import org.retain4j.core.tensor.Scope;

/** Batching changes neither results nor their order, and nothing is cut or left out. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class TokenScorerTest {

    private CausalLm model;

    @BeforeAll
    void load() throws IOException {
        model = Pretrained.load(Pretrained.EMBEDDED);
    }

    @AfterAll
    void close() {
        model.close();
    }

    private List<ScoreRequest> rows(int... lengths) {
        Random random = new Random(7);
        List<ScoreRequest> rows = new ArrayList<>();
        for (int length : lengths) {
            int[] ids = random.ints(length, 0, model.spec().vocabularySize()).toArray();
            rows.add(new ScoreRequest(ids, length / 3));
        }
        return rows;
    }

    @ParameterizedTest
    @CsvSource({"1, 256, 4096", "40, 256, 4096", "2048, 256, 4096", "2048, 2, 4096", "64, 256, 3"})
    void everyRowScoresAsIfAlone(int tokens, int batchRows, int windowRows) {
        List<ScoreRequest> rows = rows(5, 33, 2, 0, 17, 1, 33, 8, 3, 21, 5);
        List<RowScore> together =
                TokenScorer.of(model)
                        .withBatchTokens(tokens)
                        .withBatchRows(batchRows)
                        .withWindowRows(windowRows)
                        .score(rows);
        assertThat(together).hasSameSizeAs(rows);
        for (int i = 0; i < rows.size(); i++) {
            ScoreRequest row = rows.get(i);
            RowScore found = together.get(i);
            assertThat(found.logProbs()).hasSize(Math.max(0, row.ids().length - 1));
            assertThat(found.counted()).isEqualTo(row.counted());
            if (row.ids().length < 2) {
                continue;
            }
            CausalLm.TokenScores alone = model.tokenScores(TokenBatch.of(row.ids()));
            double sum = 0;
            boolean greedy = true;
            for (int t = 1; t < row.ids().length; t++) {
                assertThat(found.logProbs()[t - 1]).isCloseTo(alone.logProbs()[0][t], within(1e-5));
                if (t >= row.context()) {
                    sum += alone.logProbs()[0][t];
                    greedy &= alone.best()[0][t];
                }
            }
            assertThat(found.sum()).isCloseTo(sum, within(1e-4));
            assertThat(found.greedy()).isEqualTo(greedy);
        }
    }

    @Test
    void rowsWithoutPredictionSumToZeroAndAreGreedy() {
        List<RowScore> scores =
                TokenScorer.of(model)
                        .score(
                                List.of(
                                        ScoreRequest.of(),
                                        ScoreRequest.of(5),
                                        new ScoreRequest(new int[] {5, 6}, 2)));
        for (RowScore score : scores) {
            assertThat(score.sum()).isZero();
            assertThat(score.greedy()).isTrue();
            assertThat(score.counted()).isZero();
        }
        assertThat(scores.get(0).logProbs()).isEmpty();
        assertThat(scores.get(1).logProbs()).isEmpty();
        assertThat(scores.get(2).logProbs()).hasSize(1);
    }

    @Test
    void whatTheModelWouldWriteIsGreedy() {
        int[] prompt = model.tokenizer().encode("Lily saw a whale and");
        int[] ids = prompt;
        for (int i = 0; i < 4; i++) {
            ids = Arrays.copyOf(ids, ids.length + 1);
            ids[ids.length - 1] = best(Arrays.copyOf(ids, ids.length - 1));
        }
        int[] other = ids.clone();
        other[other.length - 1] = (other[other.length - 1] + 1) % model.spec().vocabularySize();
        List<RowScore> scores =
                TokenScorer.of(model)
                        .score(
                                List.of(
                                        new ScoreRequest(ids, prompt.length),
                                        ScoreRequest.of(ids),
                                        new ScoreRequest(other, prompt.length)));
        assertThat(scores.get(0).greedy()).isTrue();
        // the prompt itself holds words that the model would not choose
        assertThat(scores.get(1).greedy()).isFalse();
        assertThat(scores.get(2).greedy()).isFalse();
        assertThat(scores.get(0).sum()).isGreaterThan(scores.get(2).sum());
    }

    private int best(int[] ids) {
        try (Scope scope = Scope.open()) {
            float[] last =
                    model.logits(TokenBatch.of(ids)).narrow(1, ids.length - 1, 1).toFloatArray();
            return IntStream.range(0, last.length)
                    .reduce((a, b) -> last[b] > last[a] ? b : a)
                    .getAsInt();
        }
    }

    /** Counts how many requests were taken. */
    private static final class Counting implements Iterator<ScoreRequest> {
        private final Iterator<ScoreRequest> rows;
        private int taken;

        Counting(List<ScoreRequest> rows) {
            this.rows = rows.iterator();
        }

        @Override
        public boolean hasNext() {
            return rows.hasNext();
        }

        @Override
        public ScoreRequest next() {
            taken++;
            return rows.next();
        }
    }

    @Test
    void readsAheadNoFurtherThanTheWindow() {
        Counting source = new Counting(rows(4, 9, 2, 7, 6, 3, 8));
        Iterator<RowScore> scores = TokenScorer.of(model).withWindowRows(3).score(source);
        assertThat(source.taken).isZero();
        scores.next();
        assertThat(source.taken).isEqualTo(3);
        scores.next();
        scores.next();
        assertThat(source.taken).isEqualTo(3);
        scores.next();
        assertThat(source.taken).isEqualTo(6);
        scores.forEachRemaining(score -> assertThat(score.logProbs()).isNotEmpty());
        assertThat(source.taken).isEqualTo(7);
        assertThatThrownBy(scores::next).isInstanceOf(NoSuchElementException.class);
    }

    @Test
    void longRowsFillTheWindowToo() {
        Counting source = new Counting(rows(10, 10, 10, 10));
        Iterator<RowScore> scores = TokenScorer.of(model).withBatchTokens(1).score(source);
        scores.next();
        // 16 batches of one token
        assertThat(source.taken).isEqualTo(2);
    }

    @Test
    void whatDoesNotFitIsRefusedByItsNumber() {
        int positions = model.spec().maxPositions();
        TokenScorer scorer = TokenScorer.of(model);
        assertThat(scorer.score(List.of(ScoreRequest.of(new int[positions]))).get(0).logProbs())
                .hasSize(positions - 1);
        assertThatIllegalArgumentException()
                .isThrownBy(
                        () ->
                                scorer.score(
                                        List.of(
                                                ScoreRequest.of(1, 2),
                                                ScoreRequest.of(new int[positions + 1]))))
                .withMessageContaining("request 2")
                .withMessageContaining((positions + 1) + " tokens")
                .withMessageContaining("max_position_embeddings");
        for (int id : new int[] {-1, model.spec().vocabularySize()}) {
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> scorer.score(List.of(ScoreRequest.of(1, id))))
                    .withMessageContaining("request 1: token 1 has the id " + id);
        }
    }

    @Test
    void sizesAreAtLeastOne() {
        TokenScorer scorer = TokenScorer.of(model);
        assertThatIllegalArgumentException().isThrownBy(() -> scorer.withBatchTokens(0));
        assertThatIllegalArgumentException().isThrownBy(() -> scorer.withBatchRows(-1));
        assertThatIllegalArgumentException().isThrownBy(() -> scorer.withWindowRows(0));
    }

    @Test
    void batchesKeepTheBudgetAndHoldEveryRowOnce() {
        int[] lengths = new Random(3).ints(200, 0, 60).toArray();
        lengths[17] = 300;
        List<ScoreRequest> rows = rows(lengths);
        List<List<Integer>> batches =
                TokenScorer.of(model).withBatchTokens(128).withBatchRows(16).batches(rows);
        List<Integer> all = new ArrayList<>();
        int previous = Integer.MAX_VALUE;
        for (List<Integer> batch : batches) {
            all.addAll(batch);
            int longest = batch.stream().mapToInt(row -> lengths[row]).max().getAsInt();
            assertThat(batch.size() * longest <= 128 || batch.size() == 1).isTrue();
            assertThat(batch).hasSizeLessThanOrEqualTo(16);
            assertThat(longest).isLessThanOrEqualTo(previous);
            previous = longest;
        }
        int[] runnable =
                IntStream.range(0, lengths.length).filter(row -> lengths[row] > 1).toArray();
        assertThat(all.stream().sorted().mapToInt(row -> row).toArray()).isEqualTo(runnable);
        // far fewer than rows, or nothing would be gained
        assertThat(batches).hasSizeLessThan(80);
        assertThat(batches.get(0)).containsExactly(17);
    }
}
