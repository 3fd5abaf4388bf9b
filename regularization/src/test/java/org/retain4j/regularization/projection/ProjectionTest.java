package org.retain4j.regularization.projection;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.retain4j.core.model.CausalLm;
import org.retain4j.core.model.TokenBatch;
import org.retain4j.core.nn.Linear;
import org.retain4j.core.nn.Parameter;
import org.retain4j.core.nn.Taps;
import org.retain4j.core.tensor.Kernels;
import org.retain4j.core.tensor.Scope;
import org.retain4j.core.tensor.Tensor;
import org.retain4j.finetune.BatchSource;
import org.retain4j.finetune.GradientProjection;
import org.retain4j.finetune.TrainOptions;
import org.retain4j.finetune.TrainRow;
import org.retain4j.finetune.Trainer;
import org.retain4j.finetune.TrainingException;
import org.retain4j.regularization.GoldenPenalties;
import org.retain4j.regularization.optimizer.Sam;

/** Projections, against golden/penalties and against what they promise. */
class ProjectionTest {

    private CausalLm model;
    private BatchSource old;
    private BatchSource added;

    @BeforeEach
    void load() throws IOException {
        model = GoldenPenalties.model();
        List<TrainRow> sequences = GoldenPenalties.sequences();
        old =
                (first, count) -> {
                    List<TrainRow> rows = new ArrayList<>();
                    for (long row = first; row < first + count; row++) {
                        rows.add(sequences.get((int) (row % sequences.size())));
                    }
                    return rows;
                };
        added = GoldenPenalties.batchSource();
    }

    @AfterEach
    void close() {
        model.close();
    }

    private TrainRow sequence(int index) {
        return old.rows(index, 1).get(0);
    }

    private List<Tensor> gradient(List<TrainRow> rows) {
        model.parameters().forEach(parameter -> parameter.value().requiresGrad(true));
        return new MemoryGradient(model).of(rows, model.parameters());
    }

    private void assertClose(List<Tensor> actual, String file, double tolerance)
            throws IOException {
        Map<String, double[]> expected = GoldenPenalties.arrays(file + ".safetensors");
        double largest =
                expected.values().stream()
                        .flatMapToDouble(Arrays::stream)
                        .map(Math::abs)
                        .max()
                        .orElseThrow();
        for (int p = 0; p < actual.size(); p++) {
            assertThat(actual.get(p).toDoubleArray())
                    .containsExactly(
                            expected.get(model.parameters().get(p).name()),
                            within(tolerance * largest));
        }
    }

    @Test
    void agemTakesOutWhatWouldRaiseTheOldLoss() throws IOException {
        JsonNode expected = GoldenPenalties.expected().get("agem");
        GoldenPenalties.moveTo(model, "sgd_plain_f64.safetensors");
        BatchSource negative = (first, count) -> List.of(sequence(3));
        BatchSource other = (first, count) -> List.of(sequence(5));
        try (Scope scope = Scope.open();
                AGem agem = new AGem(model, negative, 1, false);
                AGem unchanged = new AGem(model, other, 1, false)) {
            List<Tensor> gradient = gradient(GoldenPenalties.batch(2));
            assertClose(gradient, "agem_gradient_f64", 1e-5);
            List<Tensor> reference = gradient(List.of(sequence(3)));
            assertClose(reference, "agem_reference_negative_f64", 1e-5);
            double dot = Kernels.call("list_dot64", gradient, reference).item();
            assertThat(dot).isCloseTo(expected.get("dot_negative").asDouble(), within(1e-4));
            unchanged.project(model.parameters(), gradient);
            assertClose(gradient, "agem_gradient_f64", 1e-5);
            agem.project(model.parameters(), gradient);
            assertClose(gradient, "agem_projected_f64", 1e-5);
            assertThat(Kernels.call("list_dot64", gradient, reference).item())
                    .isCloseTo(0, within(1e-5));
        }
    }

    @Test
    void gemSolvesTheRecordedProblems() throws IOException {
        JsonNode expected = GoldenPenalties.expected().get("gem");
        for (JsonNode problem : expected.get("small")) {
            double[][] g = matrix(problem.get("memory_gradients"));
            double[] gradient = row(problem.get("gradient"));
            double margin = problem.get("margin").asDouble();
            double[] v = BoundedQuadratic.minimum(gram(g), products(g, gradient), margin);
            assertThat(v).containsExactly(row(problem.get("v")), within(1e-9));
        }
        JsonNode whole = expected.get("model_case");
        GoldenPenalties.moveTo(model, "sgd_plain_f64.safetensors");
        try (Scope scope = Scope.open()) {
            List<List<Tensor>> tasks = new ArrayList<>();
            for (int t = 0; t < 3; t++) {
                tasks.add(gradient(old.rows(t, 1)));
            }
            List<Tensor> gradient = gradient(GoldenPenalties.batch(2));
            Gem gem = new Gem(model, List.of(old, old, old), 1, whole.get("margin").asDouble());
            gem.move(gradient, tasks);
            for (int t = 0; t < 3; t++) {
                double product = whole.get("products_after").get(t).asDouble();
                assertThat(Kernels.call("list_dot64", tasks.get(t), gradient).item())
                        .isCloseTo(product, within(1e-4 * product));
            }
            double[] flat =
                    GoldenPenalties.arrays("gem_projected_f64.safetensors")
                            .values()
                            .iterator()
                            .next();
            TreeMap<String, double[]> sorted = new TreeMap<>();
            for (int p = 0; p < gradient.size(); p++) {
                sorted.put(model.parameters().get(p).name(), gradient.get(p).toDoubleArray());
            }
            double[] own = sorted.values().stream().flatMapToDouble(Arrays::stream).toArray();
            assertThat(own).containsExactly(flat, within(1e-4));
        }
    }

    private static double[][] gram(double[][] g) {
        double[][] gram = new double[g.length][g.length];
        for (int s = 0; s < g.length; s++) {
            gram[s] = products(g, g[s]);
            gram[s][s] += Gem.RIDGE;
        }
        return gram;
    }

    private static double[] products(double[][] g, double[] x) {
        double[] products = new double[g.length];
        for (int s = 0; s < g.length; s++) {
            for (int i = 0; i < x.length; i++) {
                products[s] += g[s][i] * x[i];
            }
        }
        return products;
    }

    private static double[][] matrix(JsonNode node) {
        double[][] rows = new double[node.size()][];
        for (int r = 0; r < rows.length; r++) {
            rows[r] = row(node.get(r));
        }
        return rows;
    }

    private static double[] row(JsonNode node) {
        double[] values = new double[node.size()];
        for (int i = 0; i < values.length; i++) {
            values[i] = node.get(i).asDouble();
        }
        return values;
    }

    private void train(GradientProjection projection, int steps) {
        Trainer.of(model, added)
                .options(
                        TrainOptions.defaults()
                                .withSteps(steps)
                                .withBatch(3, 1)
                                .withLearningRate(0.01))
                .with(projection)
                .run();
    }

    /**
     * Projecting the gradient alone lets AdamW leave the subspace; projecting the step does not.
     */
    @Test
    void gpmKeepsWhatLayersDoToOldInputsWithAdamW() {
        assertThat(movedInside(true)).isLessThan(2e-6);
        assertThat(movedInside(false)).isGreaterThan(1e-3);
    }

    private double movedInside(boolean updates) {
        try (CausalLm own = model.copy();
                Gpm gpm = new Gpm(own, 0.9)) {
            gpm.remember(old, 6);
            Linear layer = own.linears().get(1);
            String name = layer.weight().name();
            assertThat(gpm.directions(name)).isBetween(1L, layer.in() - 1);
            try (Scope scope = Scope.open()) {
                Tensor before = layer.weight().value().detach().copy();
                Trainer.of(own, added)
                        .options(
                                TrainOptions.defaults()
                                        .withSteps(4)
                                        .withBatch(3, 1)
                                        .withLearningRate(0.01))
                        .with(updates ? gpm : new GradientOnly(gpm))
                        .run();
                Tensor moved = layer.weight().value().detach().sub(before);
                assertThat(moved.norm().item()).as("still learns").isGreaterThan(1e-3);
                Tensor outside = moved.copy();
                Kernels.call(
                        "subspace_remove_", outside, gpm.save().tensor(name), layer.isTransposed());
                return moved.sub(outside).norm().item() / moved.norm().item();
            }
        }
    }

    private record GradientOnly(Gpm gpm) implements GradientProjection {
        @Override
        public void project(List<Parameter> parameters, List<Tensor> gradients) {
            gpm.project(parameters, gradients);
        }
    }

    /** The directions hold the share of the inputs' energy that was asked for, and no fewer do. */
    @Test
    void gpmHoldsTheShareAndLaterTasksAddToIt() throws IOException {
        try (Gpm gpm = new Gpm(model, 0.9);
                Scope scope = Scope.open()) {
            gpm.remember(old, 3);
            Linear layer = model.linears().get(0);
            long first = gpm.directions(layer.weight().name());
            Tensor basis = gpm.save().tensor(layer.weight().name()).copy();
            double[] energy = new double[2];
            for (TrainRow row : old.rows(0, 3)) {
                Taps taps = new Taps();
                taps.onInput(
                        layer.name(),
                        x -> {
                            Tensor rest = x.reshape(-1, layer.in()).copy();
                            energy[0] += Math.pow(rest.norm().item(), 2);
                            Kernels.call("subspace_remove_", rest, basis, false);
                            energy[1] += Math.pow(rest.norm().item(), 2);
                            return x;
                        });
                model.hidden(TokenBatch.of(row.ids()), taps.stopAfterLast());
            }
            assertThat(1 - energy[1] / energy[0]).isBetween(0.9, 1.0);
            gpm.remember(GoldenPenalties.thirdTask(), 3);
            long second = gpm.directions(layer.weight().name());
            assertThat(second).isGreaterThan(first);
            Tensor both = gpm.save().tensor(layer.weight().name());
            Tensor product = Kernels.call("gram", both.copy(), List.of());
            for (int i = 0; i < second; i++) {
                for (int j = 0; j < second; j++) {
                    assertThat(product.toDoubleArray()[(int) (i * second + j)])
                            .isCloseTo(i == j ? 1 : 0, within(1e-6));
                }
            }
        }
    }

    @Test
    void ogdLeavesTheScoresOfOldLabelsAlone() {
        try (Ogd ogd = new Ogd(model, 4)) {
            assertThat(ogd.remember(model.parameters(), old, 6)).isEqualTo(4);
            assertThat(ogd.remember(model.parameters(), old, 6)).isZero();
            try (Scope scope = Scope.open()) {
                List<Tensor> before =
                        Kernels.callForList("list_clone", Parameter.values(model.parameters()));
                train(ogd, 3);
                List<Tensor> moved =
                        Kernels.callForList(
                                "list_sub", Parameter.values(model.parameters()), before);
                double length = Kernels.call("global_norm", moved).item();
                assertThat(length).isGreaterThan(1e-2);
                for (int d = 0; d < 4; d++) {
                    List<Tensor> direction = new ArrayList<>();
                    for (int p = 0; p < moved.size(); p++) {
                        direction.add(ogd.save().tensor(d + "." + p));
                    }
                    assertThat(Kernels.call("list_dot64", direction, direction).item())
                            .isCloseTo(1, within(1e-5));
                    assertThat(Kernels.call("list_dot64", moved, direction).item() / length)
                            .isCloseTo(0, within(1e-5));
                }
            }
            try (Ogd loaded = new Ogd(model, 4)) {
                loaded.load(ogd.save());
                assertThat(loaded.projectsUpdates()).isTrue();
            }
        }
    }

    @Test
    void theStepOfAdamWIsProjectedToo() {
        try (CausalLm base = model.copy();
                AGem agem = new AGem(model, old, 2, true)) {
            train(agem, 3);
            assertThat(agem.save().number("steps")).isEqualTo(3);
            assertThat(model.parameters().get(0).value().toFloatArray())
                    .isNotEqualTo(base.parameters().get(0).value().toFloatArray());
        }
    }

    @Test
    void twoSecondGradientsAreRefused() {
        assertThatThrownBy(
                        () ->
                                Trainer.of(model, added)
                                        .options(TrainOptions.defaults().withSteps(1))
                                        .with(new Sam(0.05))
                                        .with(new Sam(0.1))
                                        .run())
                .isInstanceOf(TrainingException.class)
                .hasMessageContaining("second gradient");
    }

    @Test
    void settingsOutOfRangeAreRefused() {
        assertThatIllegalArgumentException().isThrownBy(() -> new AGem(model, old, 0, false));
        assertThatIllegalArgumentException().isThrownBy(() -> new Gem(model, List.of(), 1, 0.5));
        assertThatIllegalArgumentException().isThrownBy(() -> new Gpm(model, 0));
        assertThatIllegalArgumentException().isThrownBy(() -> new Ogd(model, 0));
    }
}
