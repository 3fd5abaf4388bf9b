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

    @Test
    void warmupStableDecayRisesStaysAndFallsToItsFloor() {
        double[] expected = {0.2, 0.6, 1, 1, 1, 0.6};
        assertThat(factors(Schedule.warmupStableDecay(2, 2, 0.2), 6))
                .containsExactly(expected, within(1e-12));
        assertThat(Schedule.warmupStableDecay(2, 2, 0.2).factor(6, 6)).isEqualTo(0.2);
        assertThat(factors(Schedule.warmupStableDecay(1, 0, 0), 3)).containsExactly(0, 1, 1);
        // too short for both phases: the decay begins after the warm-up and is cut off
        assertThat(factors(Schedule.warmupStableDecay(2, 4, 0), 4))
                .containsExactly(
                        new double[] {0, 0.5, 1, 0.5 * (1 + Math.cos(Math.PI / 4))}, within(1e-12));
    }

    @Test
    void aRunIsWarmedUpAgainFromWhereItEnded() {
        assertThat(factors(Schedule.rewarmed(2, 0.1, Schedule.linear(0)), 6))
                .containsExactly(new double[] {0.1, 0.55, 1, 0.75, 0.5, 0.25}, within(1e-12));
    }

    @Test
    void aConstantRateMayWarmUp() {
        assertThat(factors(Schedule.constant(2), 4)).containsExactly(0, 0.5, 1, 1);
    }

    @Test
    void aWarmUpIsAShareOfTheStepsRoundedUp() {
        assertThat(Schedule.warmupSteps(0.1, 101)).isEqualTo(11);
        assertThat(Schedule.warmupSteps(0, 101)).isZero();
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Schedule.warmupSteps(1.5, 10))
                .withMessageContaining("warmup_ratio");
    }

    @Test
    void negativeStepsAreRefused() {
        for (Runnable wrong :
                new Runnable[] {
                    () -> Schedule.linear(-1),
                    () -> Schedule.cosine(-1, 0),
                    () -> Schedule.constant(-1),
                    () -> Schedule.warmupStableDecay(-1, 0, 0)
                }) {
            assertThatIllegalArgumentException()
                    .isThrownBy(wrong::run)
                    .withMessageContaining("warmup_steps must be 0 or more, is -1");
        }
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Schedule.warmupStableDecay(0, -1, 0))
                .withMessageContaining("num_decay_steps");
    }

    @Test
    void schedulesOfTheSameSettingsAreEqualAndPrintThem() {
        assertThat(Schedule.cosine(2, 0.1)).isEqualTo(Schedule.cosine(2, 0.1));
        assertThat(Schedule.cosine(2, 0.1)).hasToString("Cosine[warmupSteps=2, floor=0.1]");
    }
}
