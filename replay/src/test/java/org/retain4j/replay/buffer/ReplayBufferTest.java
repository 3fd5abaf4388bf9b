package org.retain4j.replay.buffer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import java.util.stream.IntStream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.retain4j.core.tensor.Random;
import org.retain4j.core.tensor.Scope;
import org.retain4j.finetune.StoredScores;
import org.retain4j.finetune.TrainRow;
import org.retain4j.replay.buffer.ReplayBuffer.Policy;

class ReplayBufferTest {

    private static TrainRow row(int number) {
        return TrainRow.of(number, number + 1);
    }

    private static List<Integer> numbers(ReplayBuffer buffer) {
        return buffer.rows().stream().map(row -> row.ids()[0]).toList();
    }

    private static ReplayBuffer filled(Policy policy, int capacity, long seed, int from, int to) {
        ReplayBuffer buffer = new ReplayBuffer(policy, capacity, seed);
        for (int i = from; i < to; i++) {
            buffer.add(row(i), 0);
        }
        return buffer;
    }

    @Test
    void theRingKeepsTheNewest() {
        assertThat(numbers(filled(Policy.RING, 3, 0, 0, 10))).containsExactly(7, 8, 9);
    }

    /** Every row of the stream stays with the same probability. */
    @Test
    void theReservoirIsAUniformSample() {
        int[] kept = new int[20];
        int tries = 4000;
        for (int seed = 0; seed < tries; seed++) {
            numbers(filled(Policy.RESERVOIR, 5, seed, 0, 20)).forEach(number -> kept[number]++);
        }
        // five standard deviations of a share of 1/4
        double bound = 5 * Math.sqrt(0.25 * 0.75 / tries);
        for (int count : kept) {
            assertThat(count / (double) tries).isCloseTo(0.25, within(bound));
        }
    }

    @Property(tries = 100)
    void resizingIsAsIfTheSizeHadAlwaysBeenThat(
            @ForAll @IntRange(min = 1, max = 10) int small,
            @ForAll @IntRange(min = 10, max = 30) int large,
            @ForAll @IntRange(min = 0, max = 60) int rows) {
        ReplayBuffer resized = filled(Policy.RESERVOIR, large, 3, 0, rows);
        resized.resize(small);
        assertThat(numbers(resized))
                .isEqualTo(numbers(filled(Policy.RESERVOIR, small, 3, 0, rows)));
    }

    @Test
    void joinedBuffersHoldASampleOfBothStreams() {
        int left = 0;
        int tries = 2000;
        for (int seed = 0; seed < tries; seed++) {
            ReplayBuffer a = filled(Policy.RESERVOIR, 4, 2L * seed, 0, 10);
            a.merge(filled(Policy.RESERVOIR, 4, 2L * seed + 1, 10, 40));
            assertThat(a.size()).isEqualTo(4);
            assertThat(a.seen()).isEqualTo(40);
            left += (int) numbers(a).stream().filter(number -> number < 10).count();
        }
        assertThat(left / (4.0 * tries)).isCloseTo(0.25, within(0.03));
        ReplayBuffer same = new ReplayBuffer(Policy.RESERVOIR, 1, 0);
        assertThatIllegalArgumentException().isThrownBy(() -> same.merge(same));
    }

    @Test
    void tasksHaveTheSameNumberOfRowsOrTokens() {
        ReplayBuffer rows = new ReplayBuffer(Policy.TASK_BALANCED, 9, 1);
        ReplayBuffer tokens = new ReplayBuffer(Policy.TOKEN_BALANCED, 60, 1);
        for (int task = 0; task < 3; task++) {
            for (int i = 0; i < 50; i++) {
                TrainRow row = TrainRow.of(IntStream.range(0, 2 + 4 * task).toArray());
                rows.add(row, task);
                tokens.add(row, task);
            }
        }
        assertThat(rows.tasks()).containsEntry(0, 3).containsEntry(1, 3).containsEntry(2, 3);
        assertThat(tokens.tasks().get(0) * 2).isBetween(16, 24);
        assertThat(tokens.tasks().get(1) * 6).isBetween(12, 24);
        assertThat(tokens.tasks().get(2) * 10).isBetween(10, 20);
    }

    @Test
    void aDrawRepeatsNothingBeforeAllWereDrawn() {
        ReplayBuffer buffer = filled(Policy.RING, 6, 0, 0, 6);
        List<TrainRow> drawn = buffer.draw(6, Random.at(1, 2, "draw"));
        assertThat(drawn.stream().map(row -> row.ids()[0]))
                .containsExactlyInAnyOrder(0, 1, 2, 3, 4, 5);
        assertThat(buffer.draw(8, Random.at(1, 2, "draw"))).hasSize(8);
        assertThat(new ReplayBuffer(Policy.RING, 1, 0).draw(3, Random.at(1, 2, "draw"))).isEmpty();
    }

    @ParameterizedTest
    @EnumSource(Policy.class)
    void aLoadedBufferGoesOnAsTheSavedOne(Policy policy) {
        try (Scope scope = Scope.open()) {
            ReplayBuffer whole = new ReplayBuffer(policy, 7, 5);
            for (int i = 0; i < 20; i++) {
                TrainRow row = row(i);
                whole.add(
                        row.near(
                                new StoredScores(
                                        2,
                                        new int[] {i, 1},
                                        new float[] {-0.5f, -2},
                                        new float[] {-3},
                                        new float[] {1},
                                        0.25,
                                        StoredScores.Loss.MSE)),
                        i % 2);
            }
            ReplayBuffer loaded = new ReplayBuffer(policy, 7, 5);
            loaded.load(whole.save());
            for (int i = 20; i < 30; i++) {
                whole.add(row(i), 1);
                loaded.add(row(i), 1);
            }
            assertThat(numbers(loaded)).isEqualTo(numbers(whole));
            assertThat(loaded.tasks()).isEqualTo(whole.tasks());
            for (int i = 0; i < whole.size(); i++) {
                StoredScores a = whole.rows().get(i).stored();
                StoredScores b = loaded.rows().get(i).stored();
                assertThat(b == null).isEqualTo(a == null);
                if (a != null && b != null) {
                    assertThat(b.ids()).isEqualTo(a.ids());
                    assertThat(b.logProbs()).isEqualTo(a.logProbs());
                    assertThat(b.strength()).isEqualTo(a.strength());
                    assertThat(b.loss()).isEqualTo(a.loss());
                }
            }
        }
    }
}
