package org.retain4j.evaluation.scoring;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What counts, and what a cut leaves. */
class ScoreRequestTest {

    private static final int[] IDS = {10, 11, 12, 13, 14};

    @ParameterizedTest
    @CsvSource({"0, 1, 4", "1, 1, 4", "3, 3, 2", "5, 5, 0"})
    void contextAndTheFirstIdDoNotCount(int context, int first, int counted) {
        ScoreRequest request = new ScoreRequest(IDS, context);
        assertThat(request.firstCounted()).isEqualTo(first);
        assertThat(request.counted()).isEqualTo(counted);
    }

    @Test
    void anEmptyRowCountsNothing() {
        assertThat(ScoreRequest.of().counted()).isZero();
        assertThat(ScoreRequest.of().firstCounted()).isZero();
    }

    @Test
    void contextStaysWithinTheRow() {
        for (int context : new int[] {-1, 6}) {
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> new ScoreRequest(IDS, context))
                    .withMessageContaining("expected 0 to 5");
        }
    }

    @Test
    void aCutTakesTheContextFromTheLeft() {
        ScoreRequest cut = new ScoreRequest(IDS, 3).cutLeft(3);
        assertThat(cut.ids()).containsExactly(12, 13, 14);
        assertThat(cut.context()).isEqualTo(1);
        assertThat(cut.counted()).isEqualTo(2);
    }

    @Test
    void withoutContextACutTakesWhatCounts() {
        ScoreRequest cut = ScoreRequest.of(IDS).cutLeft(2);
        assertThat(cut.ids()).containsExactly(13, 14);
        assertThat(cut.counted()).isEqualTo(1);
    }

    @Test
    void whatFitsIsNotCut() {
        ScoreRequest request = new ScoreRequest(IDS, 3);
        assertThat(request.cutLeft(5)).isSameAs(request);
    }

    @Test
    void aCutNeverTakesWhatCountsBehindAContext() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new ScoreRequest(IDS, 3).cutLeft(2))
                .withMessageContaining("2 tokens that count");
    }
}
