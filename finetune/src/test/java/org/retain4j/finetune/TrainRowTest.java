package org.retain4j.finetune;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import org.junit.jupiter.api.Test;

class TrainRowTest {

    @Test
    void everyTokenButTheFirstCounts() {
        TrainRow row = TrainRow.of(5, 6, 7);
        assertThat(row.weights()).containsExactly(0, 1, 1);
        assertThat(row.totalWeight()).isEqualTo(2);
        assertThat(row.replayed()).isFalse();
        assertThat(row.asReplayed().replayed()).isTrue();
        assertThat(row.asReplayed().ids()).containsExactly(5, 6, 7);
    }

    @Test
    void rowsThatCannotBeTrainedAreRefused() {
        assertThatIllegalArgumentException().isThrownBy(TrainRow::of).withMessageContaining("two");
        assertThatIllegalArgumentException().isThrownBy(() -> TrainRow.of(1));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> row(0))
                .withMessageContaining("2 and 1");
        assertThatIllegalArgumentException().isThrownBy(() -> row(0, 1, 1));
    }

    @Test
    void weightsThatMakeNoSenseAreRefused() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> row(1, 1))
                .withMessageContaining("first token");
        assertThatIllegalArgumentException().isThrownBy(() -> row(Float.NaN, 1));
        for (float weight : new float[] {-1, Float.NaN, Float.POSITIVE_INFINITY}) {
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> row(0, weight))
                    .withMessageContaining("token weight is " + weight);
        }
    }

    private static TrainRow row(float... weights) {
        return new TrainRow(new int[] {3, 4}, weights, false);
    }
}
