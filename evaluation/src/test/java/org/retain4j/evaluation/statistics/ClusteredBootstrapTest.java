package org.retain4j.evaluation.statistics;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import java.util.Map;
import java.util.TreeMap;
import org.apache.commons.rng.UniformRandomProvider;
import org.apache.commons.rng.simple.RandomSource;
import org.junit.jupiter.api.Test;

class ClusteredBootstrapTest {
    private static final double[][] BITS = {{10, 50, 23}, {14, 41, 30}};
    private static final long[] BYTES = {10, 20, 15};

    /** The value is the pooled ratio, not the mean of the documents' ratios. */
    @Test
    void valueIsSumOfBitsOverSumOfBytes() {
        assertThat(ClusteredBootstrap.seeded(1).estimate(BITS, BYTES).value())
                .isCloseTo((10 + 50 + 23 + 14 + 41 + 30) / (2.0 * 45), within(1e-15));
    }

    /**
     * Two documents and one seed have resamples (1,1), (1,2), (2,1), (2,2): the 2.5 % and 97.5 %
     * percentiles are the two documents' own ratios, the 30 % and 70 % ones the pooled ratio.
     */
    @Test
    void twoDocumentsGiveTheEnumeratedPercentiles() {
        double[][] bits = {{10, 60}};
        long[] bytes = {10, 20};
        assertThat(ClusteredBootstrap.seeded(7).estimate(bits, bytes))
                .isEqualTo(new Estimate(70 / 30.0, 1, 3));
        assertThat(new ClusteredBootstrap(7, 10_000, 0.4).estimate(bits, bytes))
                .isEqualTo(new Estimate(70 / 30.0, 70 / 30.0, 70 / 30.0));
    }

    /** All 2² seed draws times 3³ document draws, counted, against the sampled percentiles. */
    @Test
    void agreesWithTheEnumerationOfAllCrossedResamples() {
        Map<Double, Integer> counts = new TreeMap<>();
        int[] pairs = {0b00, 0b01, 0b10, 0b11};
        for (int seeds : pairs) {
            for (int documents = 0; documents < 27; documents++) {
                int[] drawn = {documents % 3, documents / 3 % 3, documents / 9};
                double bits = 0;
                double bytes = 0;
                for (int document : drawn) {
                    bits += BITS[seeds & 1][document] + BITS[seeds >> 1][document];
                    bytes += BYTES[document];
                }
                counts.merge(bits / (2 * bytes), 1, Integer::sum);
            }
        }
        for (double confidence : new double[] {0.5, 0.8, 0.95}) {
            Estimate sampled = new ClusteredBootstrap(3, 200_000, confidence).estimate(BITS, BYTES);
            // The exact percentile may sit on a step; the sampled one must reach it within 0.4 %.
            assertPercentile(counts, sampled.low(), (1 - confidence) / 2);
            assertPercentile(counts, sampled.high(), (1 + confidence) / 2);
        }
    }

    private static void assertPercentile(Map<Double, Integer> counts, double at, double share) {
        double below = 0;
        double upTo = 0;
        for (Map.Entry<Double, Integer> entry : counts.entrySet()) {
            below += entry.getKey() < at - 1e-9 ? entry.getValue() / 108.0 : 0;
            upTo += entry.getKey() <= at + 1e-9 ? entry.getValue() / 108.0 : 0;
        }
        assertThat(below).isLessThanOrEqualTo(share + 0.004);
        assertThat(upTo).isGreaterThanOrEqualTo(share - 0.004);
    }

    /** 600 simulated test sets of 60 independent documents; the true ratio is 2 bits a byte. */
    @Test
    void coversTheTruthInAbout95OfHundredTestSets() {
        UniformRandomProvider random = RandomSource.XO_RO_SHI_RO_128_PP.create(11);
        int covered = 0;
        for (int set = 0; set < 600; set++) {
            long[] bytes = new long[60];
            double[][] bits = new double[1][60];
            for (int d = 0; d < 60; d++) {
                bytes[d] = 50 + random.nextInt(200);
                bits[0][d] = bytes[d] * (1 + 2 * random.nextDouble());
            }
            if (new ClusteredBootstrap(set, 1_000, 0.95).estimate(bits, bytes).contains(2)) {
                covered++;
            }
        }
        assertThat(covered / 600.0).isBetween(0.92, 0.975);
    }

    /** Identical rows add no seed variance, so the interval is about that of a single row. */
    @Test
    void identicalSeedsGiveTheIntervalOfOne() {
        UniformRandomProvider random = RandomSource.XO_RO_SHI_RO_128_PP.create(2);
        long[] bytes = new long[40];
        double[] row = new double[40];
        for (int d = 0; d < 40; d++) {
            bytes[d] = 100;
            row[d] = 100 + 200 * random.nextDouble();
        }
        Estimate one = ClusteredBootstrap.seeded(5).estimate(new double[][] {row}, bytes);
        Estimate three =
                ClusteredBootstrap.seeded(6).estimate(new double[][] {row, row, row}, bytes);
        assertThat(three.value()).isCloseTo(one.value(), within(1e-12));
        assertThat(three.low()).isCloseTo(one.low(), within(0.02));
        assertThat(three.high()).isCloseTo(one.high(), within(0.02));
    }

    /** Seeds that differ widen the interval even where all documents are alike. */
    @Test
    void differingSeedsWidenTheInterval() {
        double[][] bits = {{100, 100}, {200, 200}, {300, 300}};
        Estimate estimate = ClusteredBootstrap.seeded(1).estimate(bits, new long[] {100, 100});
        assertThat(estimate).isEqualTo(new Estimate(2, 1, 3));
    }

    /** Documents of very different difficulty, one method always 5 % better. */
    @Test
    void pairedDifferenceIsNarrowerThanUnpaired() {
        UniformRandomProvider random = RandomSource.XO_RO_SHI_RO_128_PP.create(4);
        long[] bytes = new long[50];
        double[][] a = new double[3][50];
        double[][] b = new double[3][50];
        for (int d = 0; d < 50; d++) {
            bytes[d] = 100;
            double hardness = 100 + 300 * random.nextDouble();
            for (int s = 0; s < 3; s++) {
                b[s][d] = hardness + random.nextDouble();
                a[s][d] = 0.95 * hardness + random.nextDouble();
            }
        }
        ClusteredBootstrap bootstrap = ClusteredBootstrap.seeded(9);
        Estimate difference = bootstrap.difference(a, b, bytes);
        Estimate alone = bootstrap.estimate(a, bytes);
        Estimate other = bootstrap.estimate(b, bytes);
        assertThat(difference.value()).isCloseTo(alone.value() - other.value(), within(1e-12));
        assertThat(difference.high()).isLessThan(0);
        assertThat(alone.isApartFrom(other)).isFalse();
        assertThat(difference.high() - difference.low())
                .isLessThan((alone.high() - alone.low()) / 5);
        assertThat(bootstrap.difference(a, a, bytes)).isEqualTo(new Estimate(0, 0, 0));
    }

    @Test
    void sameSeedSameIntervalAndOtherSeedOther() {
        Estimate first = new ClusteredBootstrap(1, 50, 0.9).estimate(BITS, BYTES);
        assertThat(new ClusteredBootstrap(1, 50, 0.9).estimate(BITS, BYTES)).isEqualTo(first);
        assertThat(new ClusteredBootstrap(2, 50, 0.9).estimate(BITS, BYTES)).isNotEqualTo(first);
    }

    @Test
    void oneSeedAndOneDocumentHaveNoSpread() {
        assertThat(ClusteredBootstrap.seeded(1).estimate(new double[][] {{30}}, new long[] {10}))
                .isEqualTo(new Estimate(3, 3, 3));
    }

    @Test
    void refusesUnusableInputNamingThePlace() {
        ClusteredBootstrap bootstrap = ClusteredBootstrap.seeded(1);
        assertThatIllegalArgumentException()
                .isThrownBy(
                        () ->
                                bootstrap.estimate(
                                        new double[][] {{1, Double.NaN}}, new long[] {1, 1}))
                .withMessageContaining("bits[0][1] is NaN");
        assertThatIllegalArgumentException()
                .isThrownBy(
                        () ->
                                bootstrap.estimate(
                                        new double[][] {{Double.POSITIVE_INFINITY}},
                                        new long[] {1}))
                .withMessageContaining("Infinity");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> bootstrap.estimate(new double[][] {{1}}, new long[] {0}))
                .withMessageContaining("bytes[0] is 0");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> bootstrap.estimate(new double[][] {{1}, {1, 2}}, new long[] {1}))
                .withMessageContaining("bits[1] has 2 documents, but bytes has 1");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> bootstrap.estimate(new double[0][], new long[] {1}));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> bootstrap.estimate(new double[][] {{}}, new long[0]));
        assertThatIllegalArgumentException()
                .isThrownBy(
                        () ->
                                bootstrap.difference(
                                        new double[][] {{1}},
                                        new double[][] {{1}, {2}},
                                        new long[] {1}))
                .withMessageContaining("a has 1 and b has 2");
        assertThatIllegalArgumentException().isThrownBy(() -> new ClusteredBootstrap(1, 0, 0.95));
        assertThatIllegalArgumentException().isThrownBy(() -> new ClusteredBootstrap(1, 10, 1));
    }
}
