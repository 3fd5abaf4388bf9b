package org.retain4j.finetune.schedule;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The factors of transformers' schedules of the same names. */
class ScheduleTest {

    private static double[] factors(Schedule schedule, int steps) {
        return LongStream.range(0, steps).mapToDouble(s -> schedule.factor(s, steps)).toArray();
    }

    @Test
    void constantStaysAtThePeak() {
        assertThat(factors(Schedule.constant(), 3)).containsExactly(1, 1, 1);
    }

    @Test
    void linearRisesFromZeroAndFallsTowardsZero() {
        assertThat(factors(Schedule.linear(0), 4)).containsExactly(1, 0.75, 0.5, 0.25);
        assertThat(factors(Schedule.linear(2), 6)).containsExactly(0, 0.5, 1, 0.75, 0.5, 0.25);
        assertThat(Schedule.linear(2).factor(6, 6)).isZero();
        assertThat(Schedule.linear(2).factor(9, 6)).isZero();
    }

    @Test
    void cosineFallsOverHalfAPeriodToItsFloor() {
        double[] factors = factors(Schedule.cosine(2, 0.2), 6);
        double[] expected = {
            0,
            0.5,
            1,
            0.2 + 0.8 * (1 + Math.cos(Math.PI / 4)) / 2,
            0.6,
            0.2 + 0.8 * (1 + Math.cos(3 * Math.PI / 4)) / 2
        };
        assertThat(factors).containsExactly(expected, within(1e-12));
        assertThat(Schedule.cosine(2, 0.2).factor(6, 6)).isCloseTo(0.2, within(1e-12));
        assertThat(Schedule.cosine(2, 0.2).factor(60, 6)).isCloseTo(0.2, within(1e-12));
    }

    @Test
    void aWarmUpLongerThanTheRunNeverPeaks() {
        assertThat(factors(Schedule.linear(8), 4)).containsExactly(0, 0.125, 0.25, 0.375);
        assertThat(factors(Schedule.cosine(4, 0), 4)).containsExactly(0, 0.25, 0.5, 0.75);
    }

    @ParameterizedTest
    @ValueSource(doubles = {-0.1, 1.1, Double.NaN})
    void aFloorOutOfRangeIsRefused(double floor) {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Schedule.cosine(0, floor))
                .withMessageContaining("min_lr_rate");
    }
}
