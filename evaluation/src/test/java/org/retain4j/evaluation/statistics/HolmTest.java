package org.retain4j.evaluation.statistics;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;

class HolmTest {
    /** By hand: 4·0.005, 3·0.01, 2·0.03, then 1·0.04 raised to the one before. */
    @Test
    void stepsDownAndNeverDecreases() {
        assertThat(Holm.adjust(0.01, 0.04, 0.03, 0.005))
                .containsExactly(new double[] {0.03, 0.06, 0.06, 0.02}, within(1e-15));
    }

    @Test
    void capsAtOneAndKeepsTies() {
        assertThat(Holm.adjust(0.6, 0.6)).containsExactly(1, 1);
        assertThat(Holm.adjust()).isEmpty();
    }

    @Test
    void refusesWhatIsNoProbability() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Holm.adjust(0.5, Double.NaN))
                .withMessageContaining("p-value 1 is NaN");
        assertThatIllegalArgumentException().isThrownBy(() -> Holm.adjust(-0.1));
    }
}
