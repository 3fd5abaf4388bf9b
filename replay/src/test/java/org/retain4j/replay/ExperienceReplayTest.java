package org.retain4j.replay;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.retain4j.finetune.BatchSource;
import org.retain4j.finetune.TrainRow;

class ExperienceReplayTest {

    private static final BatchSource OLD =
            (first, count) -> Collections.nCopies(count, TrainRow.of(9, 9));
    private static final BatchSource NEW =
            (first, count) -> Collections.nCopies(count, TrainRow.of(1, 1));

    @ParameterizedTest
    @CsvSource({"0.29,100,29", "0.7,10,7", "0.1,1000,100", "0.57,100,57", "0.125,16,2"})
    void theShareCountsInDecimals(double ratio, int rows, int old) {
        List<TrainRow> mixed = new ExperienceReplay(OLD, ratio).mix(NEW).rows(0, rows);
        assertThat(mixed.stream().filter(TrainRow::replayed)).hasSize(old);
    }

    @Test
    void aRatioOfZeroLeavesTheNewDataAlone() {
        assertThat(new ExperienceReplay(OLD, 0).mix(NEW).rows(5, 20))
                .noneMatch(TrainRow::replayed)
                .hasSize(20);
    }

    @Test
    void oldRowsKeepTheirWeights() {
        TrainRow masked = new TrainRow(new int[] {4, 5, 6}, new float[] {0, 0, 0.5f}, false);
        TrainRow row =
                new ExperienceReplay((first, count) -> List.of(masked), 0.5)
                        .mix(NEW)
                        .rows(1, 1)
                        .get(0);
        assertThat(row.replayed()).isTrue();
        assertThat(row.ids()).containsExactly(4, 5, 6);
        assertThat(row.weights()).containsExactly(0, 0, 0.5f);
    }

    @ParameterizedTest
    @ValueSource(doubles = {-0.1, 1, Double.NaN})
    void aRatioOutOfRangeIsRefused(double ratio) {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new ExperienceReplay(OLD, ratio))
                .withMessageContaining("[0, 1)")
                .withMessageContaining(String.valueOf(ratio));
    }
}
