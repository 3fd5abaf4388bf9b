package org.retain4j.evaluation.statistics;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import org.junit.jupiter.api.Test;

class EstimateTest {
    @Test
    void containsBothEndsAndNothingBeyond() {
        Estimate estimate = new Estimate(2, 1, 3);
        assertThat(estimate.contains(1)).isTrue();
        assertThat(estimate.contains(3)).isTrue();
        assertThat(estimate.contains(Math.nextUp(3.0))).isFalse();
        assertThat(estimate.contains(Double.NaN)).isFalse();
    }

    @Test
    void touchingIntervalsAreNotApart() {
        Estimate left = new Estimate(1.5, 1, 2);
        assertThat(left.isApartFrom(new Estimate(2.5, 2, 3))).isFalse();
        assertThat(left.isApartFrom(new Estimate(2.5, 2.1, 3))).isTrue();
        assertThat(new Estimate(2.5, 2.1, 3).isApartFrom(left)).isTrue();
        assertThat(left.isBelow(new Estimate(2.5, 2.1, 3))).isTrue();
        assertThat(new Estimate(2.5, 2.1, 3).isBelow(left)).isFalse();
    }

    @Test
    void valueMayLieOutsideThePercentiles() {
        assertThat(new Estimate(0.9, 1, 2).contains(0.9)).isFalse();
    }

    @Test
    void refusesWhatIsNoInterval() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new Estimate(Double.NaN, 0, 1))
                .withMessageContaining("finite");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new Estimate(0, Double.NEGATIVE_INFINITY, 1));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new Estimate(1, 2, 1))
                .withMessageContaining("low 2.0 and high 1.0");
    }
}
