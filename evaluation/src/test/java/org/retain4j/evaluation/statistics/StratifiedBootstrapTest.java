package org.retain4j.evaluation.statistics;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.retain4j.evaluation.statistics.StratifiedBootstrap.Difference;
import org.retain4j.evaluation.statistics.StratifiedBootstrap.Table;

class StratifiedBootstrapTest {

    private static final StratifiedBootstrap BOOTSTRAP = StratifiedBootstrap.seeded(5);

    private static double[] ones(int items) {
        double[] weights = new double[items];
        Arrays.fill(weights, 1);
        return weights;
    }

    private static Table table(double[]... rows) {
        return new Table(rows, ones(rows[0].length), 1);
    }

    private static double[] normal(long seed, int items, double mean, double deviation) {
        Random random = new Random(seed);
        return random.doubles(items).map(u -> mean + deviation * random.nextGaussian()).toArray();
    }

    @Test
    void oneSeedOfATaskHasTheIntervalOfTheMean() {
        double[] scores = normal(1, 400, 2, 1);
        double mean = Arrays.stream(scores).average().orElseThrow();
        double variance = Arrays.stream(scores).map(x -> (x - mean) * (x - mean)).sum() / 399;
        double half = 1.96 * Math.sqrt(variance / 400);
        Estimate estimate = BOOTSTRAP.mean(List.of(table(scores)));
        assertThat(estimate.value()).isCloseTo(mean, within(1e-12));
        assertThat(estimate.low()).isCloseTo(mean - half, within(0.1 * half));
        assertThat(estimate.high()).isCloseTo(mean + half, within(0.1 * half));
        Estimate wider = BOOTSTRAP.withConfidence(0.99).mean(List.of(table(scores)));
        assertThat(wider.high() - wider.low()).isGreaterThan(estimate.high() - estimate.low());
        assertThat(BOOTSTRAP.mean(List.of(table(scores)))).isEqualTo(estimate);
    }

    @Test
    void tasksWeighTheSameAndItemsByTheirWeight() {
        Table first = new Table(new double[][] {{1, 3}}, new double[] {3, 1}, 1);
        Table second = new Table(new double[][] {{10}}, new double[] {7}, -1);
        assertThat(BOOTSTRAP.mean(List.of(first, second)).value())
                .isCloseTo((1.5 - 10) / 2, within(1e-12));
    }

    @Test
    void seedsThatDifferWidenTheInterval() {
        double[] item = normal(3, 200, 0, 0.01);
        double[] shifted = Arrays.stream(item).map(x -> x + 1).toArray();
        Estimate same = BOOTSTRAP.mean(List.of(table(item, item)));
        Estimate apart = BOOTSTRAP.mean(List.of(table(item, shifted)));
        assertThat(same.high() - same.low()).isLessThan(0.01);
        assertThat(apart.low()).isCloseTo(0, within(0.01));
        assertThat(apart.high()).isCloseTo(1, within(0.01));
    }

    @Test
    void whatIsSharedCancelsInADifference() {
        double[] before = normal(4, 50, 0, 10);
        double[] after = Arrays.stream(before).map(x -> x + 0.5).toArray();
        Difference difference = BOOTSTRAP.difference(List.of(table(after)), List.of(table(before)));
        assertThat(difference.estimate().low()).isCloseTo(0.5, within(1e-9));
        assertThat(difference.estimate().high()).isCloseTo(0.5, within(1e-9));
        assertThat(difference.pValue()).isCloseTo(2.0 / 10_001, within(1e-12));
        Difference none = BOOTSTRAP.difference(List.of(table(before)), List.of(table(before)));
        assertThat(none.pValue()).isEqualTo(1);
        // one run of the reference stands for every seed
        Difference seeds =
                BOOTSTRAP.difference(List.of(table(after, after)), List.of(table(before)));
        assertThat(seeds.estimate().value()).isCloseTo(0.5, within(1e-9));
    }

    /** With no true difference a p-value below 0.05 comes up about one time in twenty. */
    @Test
    void pValuesAreAboutUniformWithoutADifference() {
        StratifiedBootstrap fast = new StratifiedBootstrap(1, 400, 0.95);
        int low = 0;
        for (int i = 0; i < 300; i++) {
            Table a = table(normal(1000 + i, 60, 0, 1));
            Table b = table(normal(5000 + i, 60, 0, 1));
            low += fast.difference(List.of(a), List.of(b)).pValue() < 0.05 ? 1 : 0;
        }
        assertThat(low).isBetween(5, 32);
    }

    @Test
    void shapesThatDoNotFitAreRefused() {
        Table two = table(new double[] {1, 2});
        assertThatIllegalArgumentException()
                .isThrownBy(() -> BOOTSTRAP.mean(List.of()))
                .withMessageContaining("at least one task");
        assertThatIllegalArgumentException()
                .isThrownBy(
                        () -> BOOTSTRAP.difference(List.of(two), List.of(table(new double[] {1}))))
                .withMessageContaining("same items");
        assertThatIllegalArgumentException()
                .isThrownBy(
                        () ->
                                BOOTSTRAP.mean(
                                        List.of(two, table(new double[] {1}, new double[] {2}))))
                .withMessageContaining("same seeds");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> table(new double[] {Double.NaN}))
                .withMessageContaining("finite");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new Table(new double[][] {{1}}, new double[] {0}, 1))
                .withMessageContaining("above 0");
    }
}
