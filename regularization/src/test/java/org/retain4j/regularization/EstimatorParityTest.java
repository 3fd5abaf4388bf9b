package org.retain4j.regularization;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.retain4j.core.model.CausalLm;
import org.retain4j.core.model.TokenBatch;
import org.retain4j.core.nn.Parameter;
import org.retain4j.finetune.BatchSource;
import org.retain4j.finetune.TrainRow;
import org.retain4j.regularization.Fisher.Labels;
import org.retain4j.regularization.Fisher.Reduction;

/** Importances of golden/penalties, and what peers compute in their place. */
class EstimatorParityTest {

    private static final double TIGHT = 1e-5;

    private CausalLm model;
    private BatchSource data;
    private int sequences;

    @BeforeEach
    void load() throws IOException {
        model = GoldenPenalties.model();
        List<TrainRow> rows = GoldenPenalties.sequences();
        sequences = rows.size();
        data = (first, count) -> rows.subList((int) first, (int) first + count);
    }

    @AfterEach
    void close() {
        model.close();
    }

    private Fisher fisher(Labels labels, Reduction reduction, Convention convention, int batch) {
        return new Fisher(labels, sequences, 0, reduction, convention, batch);
    }

    private void assertEqual(Importance actual, String file) throws IOException {
        Map<String, double[]> expected = GoldenPenalties.arrays(file + ".safetensors");
        for (Parameter parameter : model.parameters()) {
            double[] e = expected.get(parameter.name());
            double largest = Arrays.stream(e).map(Math::abs).max().orElseThrow();
            assertThat(actual.of(parameter.name()).toDoubleArray())
                    .as(file + " " + parameter.name())
                    .containsExactly(e, within(TIGHT * largest));
        }
    }

    private double trace(String kind) throws IOException {
        return GoldenPenalties.expected().at("/fisher/trace/" + kind).asDouble();
    }

    @Test
    void theMeanOverTokensWeighsLongSequencesLess() throws IOException {
        try (Importance mean =
                fisher(Labels.EMPIRICAL, Reduction.MEAN, Convention.PAPER, 1)
                        .estimate(model, data)) {
            assertEqual(mean, "fisher_empirical_mean_f64");
            assertThat(mean.trace()).isCloseTo(trace("empirical_mean"), within(1e-3));
        }
    }

    @Test
    void predictedLabels() throws IOException {
        try (Importance predicted =
                fisher(Labels.PREDICTED, Reduction.SUM, Convention.PAPER, 1)
                        .estimate(model, data)) {
            assertEqual(predicted, "fisher_predicted_sum_f64");
            double expected = trace("predicted_sum");
            assertThat(predicted.trace()).isCloseTo(expected, within(TIGHT * expected));
        }
    }

    /** Defect of a peer: the estimate depends on the size of the batch. */
    @Test
    void avalancheSquaresTheMeanOfABatch() throws IOException {
        try (Importance two =
                        fisher(Labels.EMPIRICAL, Reduction.MEAN, Convention.AVALANCHE, 2)
                                .estimate(model, data);
                Importance three =
                        fisher(Labels.EMPIRICAL, Reduction.MEAN, Convention.AVALANCHE, 3)
                                .estimate(model, data)) {
            assertEqual(two, "fisher_model_minibatch_mean_f64");
            assertThat(three.trace()).isNotCloseTo(two.trace(), within(0.05 * two.trace()));
            assertThat(two.trace()).isLessThan(0.6 * trace("empirical_mean"));
        }
    }

    /** Defect of a peer: its sum is divided by the last index, not by the number. */
    @Test
    void vandevenDividesByOneLess() throws IOException {
        try (Importance less =
                        fisher(Labels.EMPIRICAL, Reduction.SUM, Convention.VANDEVEN, 1)
                                .estimate(model, data);
                Importance paper =
                        fisher(Labels.EMPIRICAL, Reduction.SUM, Convention.PAPER, 1)
                                .estimate(model, data)) {
            assertThat(paper.trace()).isCloseTo(trace("empirical_sum"), within(0.02));
            double expected = paper.trace() * sequences / (sequences - 1);
            assertThat(less.trace()).isCloseTo(expected, within(1e-4 * expected));
        }
    }

    /** Defect of a peer: likely labels count more than the formula says. */
    @Test
    void mammothWeighsSquaresByTheProbability() throws IOException {
        TrainRow row = GoldenPenalties.sequences().get(0);
        float[] one = new float[row.ids().length];
        one[3] = 1;
        BatchSource single = (first, count) -> List.of(new TrainRow(row.ids(), one, false));
        double probability = Math.exp(model.tokenLogProbs(TokenBatch.of(row.ids()))[0][3]);
        try (Importance paper = new Fisher(Labels.EMPIRICAL, 1, 0).estimate(model, single);
                Importance mammoth =
                        new Fisher(Labels.EMPIRICAL, 1, 0, Reduction.SUM, Convention.MAMMOTH, 1)
                                .estimate(model, single)) {
            assertThat(mammoth.trace() / paper.trace()).isCloseTo(probability, within(1e-5));
            assertThat(probability).isLessThan(0.5);
        }
    }

    @Test
    void conventionsDifferByAHalf() {
        assertThat(Convention.PAPER.strength(3)).isEqualTo(1.5);
        assertThat(Convention.VANDEVEN.strength(3)).isEqualTo(1.5);
        assertThat(Convention.AVALANCHE.strength(3)).isEqualTo(3);
        assertThat(Convention.MAMMOTH.strength(3)).isEqualTo(3);
    }

    @Test
    void memoryAwareSynapses() throws IOException {
        try (Importance mas = new Mas(sequences).estimate(model, data);
                Importance ofMean =
                        new Mas(sequences, Convention.AVALANCHE).estimate(model, data)) {
            assertEqual(mas, "mas_importance_f64");
            assertEqual(ofMean, "mas_importance_abs_of_mean_f64");
            try (Ewc penalty = new Ewc(1, mas)) {
                penalty.start(model.parameters());
                GoldenPenalties.moveTo(model, "model_shifted.safetensors");
                double expected =
                        GoldenPenalties.expected()
                                .at("/mas/penalty_at_shifted_lambda_1")
                                .asDouble();
                assertThat(penalty.value(model.parameters()))
                        .isCloseTo(expected, within(TIGHT * expected));
            }
        }
    }

    @Test
    void sequencesOfTheModelsOwn() {
        try (Importance first =
                        fisher(Labels.MODEL_SEQUENCE, Reduction.SUM, Convention.PAPER, 1)
                                .estimate(model, data);
                Importance again =
                        fisher(Labels.MODEL_SEQUENCE, Reduction.SUM, Convention.PAPER, 1)
                                .estimate(model, data);
                Importance otherSeed =
                        new Fisher(Labels.MODEL_SEQUENCE, sequences, 1).estimate(model, data)) {
            assertThat(first.trace()).isPositive().isEqualTo(again.trace());
            assertThat(otherSeed.trace()).isNotEqualTo(first.trace());
        }
    }

    @Test
    void theQualityIsTheCorrelationOfHalves() {
        Fisher fisher = new Fisher(Labels.EMPIRICAL, sequences, 0);
        Fisher.Estimate estimate = fisher.estimateWithQuality(model, data);
        try (Importance whole = estimate.importance();
                Importance plain = fisher.estimate(model, data)) {
            assertThat(whole.trace()).isCloseTo(plain.trace(), within(1e-5 * plain.trace()));
            BatchSource even = (first, count) -> data.rows(2 * first, 1);
            BatchSource odd = (first, count) -> data.rows(2 * first + 1, 1);
            try (Importance a = new Fisher(Labels.EMPIRICAL, 3, 0).estimate(model, even);
                    Importance b = new Fisher(Labels.EMPIRICAL, 3, 0).estimate(model, odd)) {
                assertThat(estimate.splitHalf()).isCloseTo(correlation(a, b), within(1e-6));
            }
        }
        BatchSource same = (first, count) -> data.rows(0, 1);
        Fisher.Estimate certain =
                new Fisher(Labels.EMPIRICAL, 4, 0).estimateWithQuality(model, same);
        try (Importance unused = certain.importance()) {
            assertThat(certain.splitHalf()).isCloseTo(1, within(1e-6));
        }
    }

    private double correlation(Importance a, Importance b) {
        double[] x =
                model.parameters().stream()
                        .flatMapToDouble(p -> Arrays.stream(a.of(p.name()).toDoubleArray()))
                        .toArray();
        double[] y =
                model.parameters().stream()
                        .flatMapToDouble(p -> Arrays.stream(b.of(p.name()).toDoubleArray()))
                        .toArray();
        double mx = Arrays.stream(x).average().orElseThrow();
        double my = Arrays.stream(y).average().orElseThrow();
        double xy = 0;
        double xx = 0;
        double yy = 0;
        for (int i = 0; i < x.length; i++) {
            xy += (x[i] - mx) * (y[i] - my);
            xx += (x[i] - mx) * (x[i] - mx);
            yy += (y[i] - my) * (y[i] - my);
        }
        return xy / Math.sqrt(xx * yy);
    }

    @Test
    void settingsOutOfRangeAreRefused() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> fisher(Labels.EMPIRICAL, Reduction.SUM, Convention.PAPER, 2))
                .withMessageContaining("AVALANCHE");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> fisher(Labels.EMPIRICAL, Reduction.SUM, Convention.AVALANCHE, 4));
        assertThatIllegalArgumentException()
                .isThrownBy(
                        () ->
                                new Fisher(
                                        Labels.EMPIRICAL,
                                        1,
                                        0,
                                        Reduction.SUM,
                                        Convention.VANDEVEN,
                                        1));
        assertThatIllegalArgumentException().isThrownBy(() -> new Mas(0));
    }
}
