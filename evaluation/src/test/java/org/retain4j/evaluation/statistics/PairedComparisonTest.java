package org.retain4j.evaluation.statistics;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import org.junit.jupiter.api.Test;

class PairedComparisonTest {

    /** Newcombe 1998, Statistics in Medicine 17, table I, method 3: 81/263, 15/148, 0/20, 1/29. */
    @Test
    void wilsonIntervalsAreThoseOfNewcombe() {
        assertInterval(Wilson.interval(81, 263), 0.2553, 0.3662);
        assertInterval(Wilson.interval(15, 148), 0.0624, 0.1605);
        assertInterval(Wilson.interval(0, 20), 0, 0.1611);
        assertInterval(Wilson.interval(1, 29), 0.0061, 0.1718);
        assertThat(Wilson.interval(7, 7).high()).isEqualTo(1);
        assertThatIllegalArgumentException().isThrownBy(() -> Wilson.interval(3, 2));
        assertThatIllegalArgumentException().isThrownBy(() -> Wilson.interval(0, 0));
    }

    private static void assertInterval(Estimate found, double low, double high) {
        assertThat(found.low()).isCloseTo(low, within(5e-5));
        assertThat(found.high()).isCloseTo(high, within(5e-5));
    }

    /** By hand: 2 · (C(10,0) + C(10,1)) / 2^10 = 22/1024. */
    @Test
    void mcNemarIsExact() {
        assertThat(McNemar.of(9, 1).pValue()).isCloseTo(22 / 1024.0, within(1e-14));
        assertThat(McNemar.of(5, 5).pValue()).isEqualTo(1);
        assertThat(McNemar.of(0, 0).pValue()).isEqualTo(1);
        McNemar found =
                McNemar.of(
                        new boolean[] {true, true, false, false, true},
                        new boolean[] {false, true, true, false, false});
        assertThat(found.worse()).isEqualTo(2);
        assertThat(found.better()).isEqualTo(1);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> McNemar.of(new boolean[1], new boolean[2]))
                .withMessageContaining("1 before and 2 after");
    }

    @Test
    void pairingFindsWhatAnUnpairedIntervalCannot() {
        double[] before = new double[200];
        double[] after = new double[200];
        for (int i = 0; i < 200; i++) {
            before[i] = i % 2;
            after[i] = i % 20 == 1 ? 0 : before[i];
        }
        Estimate change = PairedBootstrap.seeded(1).difference(before, after);
        assertThat(change.value()).isCloseTo(-0.05, within(1e-12));
        // normal approximation: 0.05 ± 1.96 · √(0.05 · 0.95 / 200)
        assertThat(change.low()).isCloseTo(-0.0802, within(0.006));
        assertThat(change.high()).isCloseTo(-0.0198, within(0.006));
        assertThat(PairedBootstrap.seeded(1).difference(before, after)).isEqualTo(change);
        for (int i = 0; i < 200; i++) {
            after[i] = i * i % 17 / 17.0;
        }
        Estimate other = PairedBootstrap.seeded(1).difference(before, after);
        assertThat(PairedBootstrap.seeded(2).difference(before, after))
                .isNotEqualTo(other)
                .extracting(Estimate::value)
                .isEqualTo(other.value());
    }

    @Test
    void tasksWeighTheSameWhateverTheirSize() {
        double[][] before = {{0, 0, 0, 0}, {1}};
        double[][] after = {{1, 1, 1, 1}, {0}};
        Estimate change = PairedBootstrap.seeded(3).difference(before, after);
        assertThat(change).isEqualTo(new Estimate(0, 0, 0));
        assertThatIllegalArgumentException()
                .isThrownBy(
                        () ->
                                PairedBootstrap.seeded(1)
                                        .difference(new double[][] {{1, 2}}, new double[][] {{1}}))
                .withMessageContaining("has 2 and 1");
        assertThatIllegalArgumentException()
                .isThrownBy(
                        () ->
                                PairedBootstrap.seeded(1)
                                        .difference(new double[] {1}, new double[] {Double.NaN}));
        assertThatIllegalArgumentException().isThrownBy(() -> new PairedBootstrap(1, 0, 0.95));
    }

    /** (1.95996 + 0.84162) · √(2 · 0.25 / 164), the case of HumanEval. */
    @Test
    void smallTestsetsNoticeOnlyLargeChanges() {
        assertThat(DetectableEffect.unpaired(164, 0.5)).isCloseTo(0.15469, within(1e-5));
        assertThat(DetectableEffect.paired(164, 0.1)).isCloseTo(0.06918, within(1e-5));
        assertThat(DetectableEffect.unpaired(1000, 0)).isZero();
        assertThatIllegalArgumentException().isThrownBy(() -> DetectableEffect.paired(0, 0.1));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> DetectableEffect.unpaired(9, 0.5, 0.05, 1));
    }

    @Test
    void aMethodDominatesOnlyWhereBothDifferencesExcludeZero() {
        Estimate more = new Estimate(1, 0.1, 2);
        Estimate less = new Estimate(-1, -2, -0.1);
        Estimate open = new Estimate(1, -0.1, 2);
        assertThat(Dominance.of(more, more)).isEqualTo(Dominance.FIRST);
        assertThat(Dominance.of(less, less)).isEqualTo(Dominance.SECOND);
        for (Estimate[] pair : new Estimate[][] {{more, less}, {more, open}, {open, more}}) {
            assertThat(Dominance.of(pair[0], pair[1]))
                    .as(Arrays.toString(pair))
                    .isEqualTo(Dominance.UNDECIDED);
        }
    }
}
