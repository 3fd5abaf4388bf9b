package org.retain4j.replay.generation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.retain4j.finetune.TrainRow;

/** LAMOL's rows, losses and numbers of examples, by hand. */
class LamolTest {

    private static final int ANS = 90;
    private static final int END = 91;
    private static final LamolFormat TASKS = new LamolFormat(List.of(80, 81), ANS, END, -1);

    @Test
    void anExampleIsStartContextQuestionAnswer() {
        assertThat(TASKS.encode(1, ids(1, 2, 3), ids(4, 5), ids(6), 20))
                .containsExactly(81, 1, 2, 3, 4, 5, ANS, 6, END);
        LamolFormat shared = new LamolFormat(List.of(80), ANS, END, 7);
        assertThat(shared.encode(5, ids(), ids(4), ids(6), 20))
                .containsExactly(7, 80, 4, ANS, 6, END);
    }

    /** Only the context gives way, from its end. */
    @Test
    void whatIsTooLongLosesTheEndOfItsContext() {
        assertThat(TASKS.encode(0, ids(1, 2, 3), ids(4, 5), ids(6), 8))
                .containsExactly(80, 1, 2, 4, 5, ANS, 6, END);
        assertThat(TASKS.encode(0, ids(1, 2, 3), ids(4, 5), ids(6), 6))
                .containsExactly(80, 4, 5, ANS, 6, END);
        assertThatThrownBy(() -> TASKS.encode(0, ids(1), ids(4, 5), ids(6), 5))
                .hasMessageContaining("does not fit into 5");
    }

    @Test
    void theAnswerAndTheTextCountEachForItself() {
        TrainRow row = TrainRow.of(TASKS.encode(0, ids(1, 2), ids(3), ids(4, 5), 20));
        LamolLosses losses = new LamolLosses(TASKS, 0.25);
        TrainRow answer = losses.answer(row);
        assertThat(answer.ids()).containsExactly(1, 2, 3, ANS, 4, 5, END);
        assertThat(answer.weights()).containsExactly(0, 0, 0, 0, 1, 1, 1);
        TrainRow text = losses.text(row);
        assertThat(text.ids()).containsExactly(80, 1, 2, 3, ANS, 4, 5, END);
        assertThat(text.weights()).containsExactly(0, 1, 1, 1, 5, 1, 1, 1);
    }

    /** The trainer divides by the answers' weights, so that λ times the texts' mean comes out. */
    @Test
    void theTextsAddLambdaTimesTheirMean() {
        TrainRow first = TrainRow.of(TASKS.encode(0, ids(1, 2), ids(3), ids(4, 5), 20));
        TrainRow second = TrainRow.of(TASKS.encode(1, ids(), ids(3), ids(4), 20));
        List<TrainRow> step =
                new LamolLosses(TASKS, 0.25).mix((at, count) -> List.of(first, second)).rows(0, 2);
        assertThat(step).hasSize(4);
        double divisor =
                step.stream()
                        .filter(row -> !row.besides())
                        .mapToDouble(TrainRow::totalWeight)
                        .sum();
        assertThat(divisor).isEqualTo(3 + 2);
        double texts =
                step.stream().filter(TrainRow::besides).mapToDouble(TrainRow::totalWeight).sum();
        // weights of the texts are (3 + 5 + 3) + (1 + 5 + 2) before they are scaled
        assertThat(texts / divisor).isCloseTo(0.25, within(1e-6));
        assertThat(step.get(2).weights()[4] / step.get(2).weights()[1])
                .isCloseTo(5f, within(1e-5f));
        assertThat(step.get(2).weights()[1]).isCloseTo(0.25f * 5 / 19, within(1e-6f));
    }

    /** ⌈γ N⌉, then down to a multiple of the number of earlier tasks. */
    @ParameterizedTest
    @CsvSource({
        "0.05, 1000, 1, 50",
        "0.05, 1000, 3, 48",
        "0.05, 1001, 1, 51",
        "0.2, 6920, 2, 1384",
        "0.2, 6, 2, 2",
        "0.3, 10, 1, 3",
        "0, 500, 2, 0",
        "0.05, 10, 4, 0"
    })
    void theNumberOfExamplesIsAShareOfTheNewOnes(double gamma, int n, int earlier, int expected) {
        assertThat(Lamol.of(gamma, 64, 1).size(n, earlier)).isEqualTo(expected);
    }

    @Test
    void malformedTextsAreTold() {
        assertThat(TASKS.isWellFormed(ids(1, ANS, 2))).isTrue();
        assertThat(TASKS.isWellFormed(ids(1, 2, 3))).isFalse();
        assertThat(TASKS.isWellFormed(ids(1, ANS, 2, ANS, 3))).isFalse();
        assertThat(TASKS.isWellFormed(ids(ANS, 2, 3))).isFalse();
        assertThat(TASKS.isWellFormed(ids(1, 2, ANS))).isFalse();
        assertThat(TASKS.isWellFormed(ids(1, 81, ANS, 3))).isFalse();
    }

    @Test
    void rowsOfOtherDataAreRefused() {
        TrainRow plain = TrainRow.of(1, 2, ANS, 3, END);
        assertThatThrownBy(
                        () ->
                                new LamolLosses(TASKS, 0.25)
                                        .mix((at, count) -> List.of(plain))
                                        .rows(0, 1))
                .hasMessageContaining("start token");
        assertThatThrownBy(() -> new LamolLosses(TASKS, -1)).hasMessageContaining("lambda");
        assertThatThrownBy(() -> new LamolFormat(List.of(90), ANS, END, -1))
                .hasMessageContaining("start token");
        assertThatThrownBy(() -> Lamol.of(-1, 64, 1)).hasMessageContaining("gamma");
    }

    private static int[] ids(int... ids) {
        return ids;
    }
}
