package org.retain4j.regularization;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.retain4j.core.model.CausalLm;
import org.retain4j.core.model.TokenBatch;
import org.retain4j.core.nn.Parameter;
import org.retain4j.core.tensor.Kernels;
import org.retain4j.core.tensor.Random;
import org.retain4j.core.tensor.Scope;
import org.retain4j.core.tensor.Tensor;
import org.retain4j.finetune.BatchSource;
import org.retain4j.finetune.CrossEntropy;
import org.retain4j.finetune.LossGradient;
import org.retain4j.finetune.TrainRow;
import org.retain4j.regularization.Fisher.Labels;

class FisherTest {

    private CausalLm model;
    private List<TrainRow> rows = List.of();

    @BeforeEach
    void load() throws IOException {
        model = GoldenPenalties.model();
        rows = GoldenPenalties.sequences();
    }

    @AfterEach
    void close() {
        model.close();
    }

    private static BatchSource source(List<TrainRow> rows) {
        return (first, count) -> rows.subList((int) first, (int) first + count);
    }

    private List<double[]> estimate(Labels labels, List<TrainRow> from, long seed) {
        try (Importance importance =
                new Fisher(labels, from.size(), seed).estimate(model, source(from))) {
            return importance.of(model.parameters()).stream().map(Tensor::toDoubleArray).toList();
        }
    }

    private static double trace(List<double[]> estimate) {
        double sum = 0;
        for (double[] values : estimate) {
            for (double value : values) {
                assertThat(value).isNotNegative();
                sum += value;
            }
        }
        return sum;
    }

    @Test
    void theEstimateIsTheMeanOfThoseOfTheSingleSequences() {
        List<double[]> together = estimate(Labels.EMPIRICAL, rows, 0);
        List<List<double[]>> single = new ArrayList<>();
        for (TrainRow row : rows) {
            single.add(estimate(Labels.EMPIRICAL, List.of(row), 0));
        }
        for (int p = 0; p < together.size(); p++) {
            double largest = 0;
            for (double value : together.get(p)) {
                largest = Math.max(largest, value);
            }
            for (int i = 0; i < together.get(p).length; i++) {
                double sum = 0;
                for (List<double[]> one : single) {
                    sum += one.get(p)[i];
                }
                assertThat(together.get(p)[i]).isCloseTo(sum / rows.size(), within(1e-5 * largest));
            }
        }
    }

    @Test
    void sequencesAreReadOneAtATimeFromTheStart() {
        List<String> asked = new ArrayList<>();
        BatchSource source =
                (first, count) -> {
                    asked.add(first + "+" + count);
                    return rows.subList((int) first, (int) first + count);
                };
        new Fisher(Labels.SAMPLED, 3, 0).estimate(model, source).close();
        assertThat(asked).containsExactly("0+1", "1+1", "2+1");
    }

    @Test
    void drawnLabelsAreAFunctionOfTheSeed() {
        double first = trace(estimate(Labels.SAMPLED, rows, 1));
        assertThat(trace(estimate(Labels.SAMPLED, rows, 1))).isEqualTo(first);
        assertThat(trace(estimate(Labels.SAMPLED, rows, 2))).isNotEqualTo(first);
    }

    @Test
    void labelsOfTheDataPlayNoPartWhenLabelsAreDrawn() {
        // only the last token differs: it is predicted, but nothing is predicted from it
        TrainRow one = TrainRow.of(5, 9, 4);
        TrainRow other = TrainRow.of(5, 9, 30);
        assertThat(trace(estimate(Labels.SAMPLED, List.of(one), 1)))
                .isEqualTo(trace(estimate(Labels.SAMPLED, List.of(other), 1)));
        assertThat(trace(estimate(Labels.EMPIRICAL, List.of(one), 1)))
                .isNotEqualTo(trace(estimate(Labels.EMPIRICAL, List.of(other), 1)));
    }

    @Test
    void labelsAreDrawnFromTheModelsOwnDistribution() {
        int draws = 4000;
        int[] context = {5, 9, 4};
        int vocabulary = model.spec().vocabularySize();
        double[] share = new double[vocabulary];
        TokenBatch batch = TokenBatch.of(Collections.nCopies(draws, context));
        long[] labels = model.sampleNext(batch, Random.at(3, 0, "test"));
        for (int r = 0; r < draws; r++) {
            share[(int) labels[r * context.length + 2]] += 1.0 / draws;
        }
        double distance = 0;
        try (Scope scope = Scope.open()) {
            double[] exact =
                    model.logits(TokenBatch.of(context))
                            .select(1, 2)
                            .reshape(-1)
                            .softmax(0)
                            .toDoubleArray();
            for (int v = 0; v < vocabulary; v++) {
                distance += Math.abs(share[v] - exact[v]) / 2;
            }
        }
        // the expected distance of 4000 fair draws over 48 tokens is about 0.04
        assertThat(distance).isLessThan(0.08);
    }

    @Test
    void manyDrawsComeNearTheExactFisherInformation() {
        TrainRow row = TrainRow.of(5, 9);
        double exact = 0;
        List<Parameter> parameters = model.parameters();
        try (Scope scope = Scope.open()) {
            double[] probabilities =
                    model.logits(TokenBatch.of(5)).reshape(-1).softmax(0).toDoubleArray();
            parameters.forEach(p -> p.value().requiresGrad(true));
            LossGradient task =
                    new LossGradient(model, parameters, new CrossEntropy(), List.of(), false, 8);
            for (int v = 0; v < probabilities.length; v++) {
                try (Scope part = Scope.open()) {
                    List<Tensor> g = task.of(List.of(TrainRow.of(5, v)), 1).gradients();
                    exact += probabilities[v] * Kernels.call("list_dot", g, g).item();
                }
            }
        } finally {
            parameters.forEach(p -> p.value().requiresGrad(false));
        }
        double drawn = trace(estimate(Labels.SAMPLED, Collections.nCopies(600, row), 4));
        assertThat(drawn).isCloseTo(exact, within(0.1 * exact));
    }

    @ParameterizedTest
    @EnumSource(Labels.class)
    void onlyCountedTokensMatter(Labels labels) {
        TrainRow none = new TrainRow(new int[] {5, 9, 4}, new float[3], false);
        assertThat(trace(estimate(labels, List.of(none), 0))).isZero();
        TrainRow first = new TrainRow(new int[] {5, 9, 4}, new float[] {0, 1, 0}, false);
        TrainRow alone = TrainRow.of(5, 9);
        double expected = trace(estimate(Labels.EMPIRICAL, List.of(alone), 0));
        assertThat(trace(estimate(Labels.EMPIRICAL, List.of(first), 0)))
                .isCloseTo(expected, within(1e-5 * expected));
    }

    @ParameterizedTest
    @EnumSource(Labels.class)
    void theModelIsLeftAsItWasAndNothingLeaks(Labels labels) {
        List<float[]> before = values();
        long live = Scope.liveTensors();
        Importance importance = new Fisher(labels, 3, 0).estimate(model, source(rows));
        assertThat(Scope.liveTensors()).isEqualTo(live + model.parameters().size());
        importance.close();
        assertThat(Scope.liveTensors()).isEqualTo(live);
        assertThat(model.parameters()).noneMatch(p -> p.value().requiresGrad());
        List<float[]> after = values();
        for (int p = 0; p < before.size(); p++) {
            assertThat(after.get(p)).isEqualTo(before.get(p));
        }
    }

    private List<float[]> values() {
        return model.parameters().stream().map(p -> p.value().toFloatArray()).toList();
    }

    @Test
    void anEstimateOfNothingIsRefused() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new Fisher(Labels.SAMPLED, 0, 0))
                .withMessageContaining("at least one sequence, not 0");
    }
}
