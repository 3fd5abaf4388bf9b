package org.retain4j.regularization;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.retain4j.core.model.CausalLm;
import org.retain4j.core.nn.Parameter;
import org.retain4j.core.tensor.Kernels;
import org.retain4j.core.tensor.Scope;
import org.retain4j.core.tensor.Tensor;
import org.retain4j.finetune.BatchSource;
import org.retain4j.finetune.Penalty;
import org.retain4j.finetune.StepReport;
import org.retain4j.finetune.TrainOptions;
import org.retain4j.finetune.Trainer;
import org.retain4j.finetune.checkpoint.CheckpointOptions;
import org.retain4j.finetune.checkpoint.Checkpoints;
import org.retain4j.finetune.optim.Optimizer;
import org.retain4j.finetune.optim.Sgd;
import org.retain4j.finetune.schedule.Schedule;

/** Penalties over several tasks: the numbers of golden/penalties, states and conventions. */
class TaskSequenceTest {

    private static final double TIGHT = 1e-5;

    private CausalLm model;

    @BeforeEach
    void load() throws IOException {
        model = GoldenPenalties.model();
    }

    @AfterEach
    void close() {
        model.close();
    }

    private void assertWeights(String file, double tolerance) throws IOException {
        Map<String, double[]> expected = GoldenPenalties.arrays(file + ".safetensors");
        for (Parameter parameter : model.parameters()) {
            double[] e = expected.get(parameter.name());
            double largest = Arrays.stream(e).map(Math::abs).max().orElseThrow();
            assertThat(parameter.value().toDoubleArray())
                    .as(file + " " + parameter.name())
                    .containsExactly(e, within(tolerance * largest));
        }
    }

    @Test
    void twoTasksSeparateAndOnline() throws IOException {
        JsonNode expected = GoldenPenalties.expected().at("/ewc/two_tasks");
        List<Parameter> parameters = model.parameters();
        try (Importance first =
                        GoldenPenalties.importance("fisher_empirical_sum_f64.safetensors", model);
                Importance second =
                        GoldenPenalties.importance("fisher_Z_at_shifted_f64.safetensors", model);
                SeparateEwc separate = new SeparateEwc(40);
                OnlineEwc online =
                        new OnlineEwc(
                                40,
                                Penalty.Mode.GRADIENT,
                                new OnlineEwc.Options(
                                        expected.get("gamma").asDouble(), 1, false))) {
            for (Penalty penalty : List.of(separate, online)) {
                penalty.start(parameters);
                assertThat(penalty.value(parameters)).as("before any task").isZero();
            }
            separate.consolidate(parameters, first);
            online.consolidate(parameters, first);
            GoldenPenalties.moveTo(model, "model_shifted.safetensors");
            separate.consolidate(parameters, second);
            online.consolidate(parameters, second);
            GoldenPenalties.moveTo(model, "model_far.safetensors");
            separate.start(parameters);
            online.start(parameters);
            double apart = expected.get("separate_no_half").asDouble();
            double running = expected.get("online_no_half").asDouble();
            assertThat(separate.value(parameters)).isCloseTo(apart, within(TIGHT * apart));
            assertThat(online.value(parameters)).isCloseTo(running, within(TIGHT * running));

            try (SeparateEwc loaded = new SeparateEwc(40);
                    OnlineEwc same =
                            new OnlineEwc(
                                    40,
                                    Penalty.Mode.GRADIENT,
                                    new OnlineEwc.Options(0.9, 1, false))) {
                loaded.load(separate.save());
                same.load(online.save());
                loaded.start(parameters);
                same.start(parameters);
                assertThat(loaded.value(parameters)).isEqualTo(separate.value(parameters));
                assertThat(same.value(parameters)).isEqualTo(online.value(parameters));
            }
        }
    }

    @Test
    void synapticIntelligenceOverTwoTasks() throws IOException {
        JsonNode expected = GoldenPenalties.expected().get("si");
        double c = expected.at("/second_task/c").asDouble();
        long live = Scope.liveTensors();
        try (SynapticIntelligence si = new SynapticIntelligence(c)) {
            JsonNode optimizer = expected.get("optimizer");
            List<StepReport> first =
                    run(
                            GoldenPenalties.batchSource(),
                            3,
                            20,
                            optimizer.get("momentum").asDouble(),
                            optimizer.get("weight_decay").asDouble(),
                            si);
            assertSteps(first, expected.get("loss"), StepReport::loss);
            assertWeights("si_weights_after_20_f64", 1e-4);
            si.consolidate();
            Map<String, double[]> importance =
                    GoldenPenalties.arrays("si_importance_f64.safetensors");
            Map<String, double[]> omega = GoldenPenalties.arrays("si_omega_f64.safetensors");
            int negative = 0;
            for (Parameter parameter : model.parameters()) {
                double[] e = importance.get(parameter.name());
                double[] gained = omega.get(parameter.name());
                double[] a =
                        Objects.requireNonNull(si.importance().get(parameter.name()))
                                .toDoubleArray();
                double largest = Arrays.stream(e).max().orElseThrow();
                for (int i = 0; i < e.length; i++) {
                    assertThat(a[i])
                            .isNotNegative()
                            .isCloseTo(e[i], within(1e-4 * largest + 1e-12));
                    negative += gained[i] < 0 ? 1 : 0;
                }
            }
            // a peer keeps these, which pushes weights away from their anchor
            assertThat(negative).isEqualTo(expected.get("negative_entries_before_clamp").asInt());
            List<StepReport> second = run(GoldenPenalties.thirdTask(), 3, 5, 0, 0, si);
            JsonNode after = expected.get("second_task");
            assertSteps(second, after.get("loss"), StepReport::loss);
            assertSteps(second, after.get("grad_norm_before_clip"), StepReport::gradientNorm);
            for (int s = 0; s < 5; s++) {
                double penalty = after.get("penalty").get(s).asDouble();
                assertThat(second.get(s).penalty())
                        .isCloseTo(penalty, within(1e-3 * penalty + 1e-12));
            }
            assertWeights("si_weights_after_5_more_f64", 1e-4);
        }
        assertThat(Scope.liveTensors()).isEqualTo(live);
    }

    private interface Column {
        double of(StepReport report);
    }

    private static void assertSteps(List<StepReport> steps, JsonNode expected, Column column) {
        assertThat(steps).hasSize(expected.size());
        for (int s = 0; s < steps.size(); s++) {
            double value = expected.get(s).asDouble();
            assertThat(column.of(steps.get(s))).isCloseTo(value, within(1e-4 * value));
        }
    }

    private List<StepReport> run(
            BatchSource data, int rows, int steps, double momentum, double decay, Penalty penalty) {
        List<StepReport> reports = new ArrayList<>();
        Trainer.of(model, data)
                .options(
                        TrainOptions.defaults()
                                .withSteps(steps)
                                .withBatch(rows, 1)
                                .withLearningRate(0.04)
                                .withSchedule(Schedule.constant())
                                .withMaxGradNorm(0)
                                .withOptimizer(new Sgd.Options(momentum, 0)))
                .with(penalty)
                .wrap((inner, all, gradients) -> new DecayOfAll(inner, all, decay))
                .onStep(reports::add)
                .run();
        return reports;
    }

    /** Decay joins the gradient of all parameters, norms too, as in the reference. */
    private record DecayOfAll(Optimizer inner, List<Parameter> parameters, double decay)
            implements Optimizer {
        @Override
        public void step(List<Tensor> gradients, double learningRate) {
            Kernels.call("list_add_", gradients, Parameter.values(parameters), decay);
            inner.step(gradients, learningRate);
        }

        @Override
        public void close() {
            inner.close();
        }
    }

    /** The gain and the penalty of two steps, against the formulas in double. */
    @Test
    void riemannianWalk() {
        double[][] gradients = {{0.5, -1, 0.1}, {0.2, 0.4, -0.3}};
        double[][] moves = {{-0.1, 0.2, -0.02}, {-0.05, -0.1, -0.1}};
        try (Scope scope = Scope.open();
                RWalk walk = new RWalk(2, Penalty.Mode.GRADIENT, new RWalk.Options(0.9, 2, 1e-3))) {
            Parameter parameter = new Parameter("w", Tensor.of(new float[] {1, -2, 0.5f}, 3));
            List<Parameter> parameters = List.of(parameter);
            walk.start(parameters);
            double[] fisher = new double[3];
            double[] gain = new double[3];
            double[] moved = new double[3];
            for (int s = 0; s < 2; s++) {
                walk.observeTaskGradient(parameters, List.of(Tensor.of(floats(gradients[s]), 3)));
                parameter.value().addInPlace(Tensor.of(floats(moves[s]), 3), 1);
                walk.observeUpdate(parameters);
                for (int i = 0; i < 3; i++) {
                    double square = gradients[s][i] * gradients[s][i];
                    fisher[i] = s == 0 ? square : 0.9 * square + 0.1 * fisher[i];
                    gain[i] -= gradients[s][i] * moves[s][i];
                    moved[i] += moves[s][i];
                }
            }
            walk.consolidate();
            double[] anchor = parameter.value().toDoubleArray();
            double largestFisher = Arrays.stream(fisher).max().orElseThrow();
            double[] score = new double[3];
            for (int i = 0; i < 3; i++) {
                score[i] = gain[i] / (0.5 * fisher[i] * moved[i] * moved[i] + 1e-3);
            }
            double largestScore = Arrays.stream(score).max().orElseThrow();
            assertThat(Arrays.stream(score).min().orElseThrow()).isNegative();
            walk.start(parameters);
            parameter.value().addInPlace(Tensor.of(new float[] {0.1f, 0.2f, 0.3f}, 3), 1);
            double expected = 0;
            double[] now = parameter.value().toDoubleArray();
            for (int i = 0; i < 3; i++) {
                double weight = fisher[i] / largestFisher + Math.max(0, score[i]) / largestScore;
                expected += 2 * weight * (now[i] - anchor[i]) * (now[i] - anchor[i]);
            }
            assertThat(walk.value(parameters)).isCloseTo(expected, within(1e-5));
            assertThat(walk.drift()).isCloseTo(Math.sqrt(0.14), within(1e-6));
        }
    }

    private static float[] floats(double[] values) {
        float[] floats = new float[values.length];
        for (int i = 0; i < values.length; i++) {
            floats[i] = (float) values[i];
        }
        return floats;
    }

    /** A run with two path integrals and a running importance goes on to the same bits. */
    @Test
    void aResumedSequenceIsThatWithoutInterruption(@TempDir Path folder) throws Exception {
        List<float[]> whole = sequence(folder.resolve("whole"), false);
        List<float[]> resumed = sequence(folder.resolve("cut"), true);
        for (int p = 0; p < whole.size(); p++) {
            assertThat(resumed.get(p)).isEqualTo(whole.get(p));
        }
    }

    private List<float[]> sequence(Path folder, boolean cut) throws Exception {
        try (CausalLm own = model.copy();
                Importance fisher =
                        GoldenPenalties.importance("fisher_empirical_sum_f64.safetensors", own)) {
            try (Methods methods = new Methods()) {
                methods.trainer(own, 4).run();
                methods.online.consolidate(own.parameters(), fisher);
                methods.si.consolidate();
                methods.walk.consolidate();
                Trainer second = methods.trainer(own, 6);
                second.checkpoints(CheckpointOptions.in(folder).every(3)).run();
            }
            if (cut) {
                try (CausalLm fresh = model.copy();
                        Methods methods = new Methods()) {
                    methods.trainer(fresh, 6)
                            .checkpoints(CheckpointOptions.in(folder).every(3))
                            .resume(Checkpoints.of(folder, 3));
                    return weights(fresh);
                }
            }
            return weights(own);
        }
    }

    private static List<float[]> weights(CausalLm model) {
        return model.parameters().stream().map(p -> p.value().toFloatArray()).toList();
    }

    private static final class Methods implements AutoCloseable {
        private final OnlineEwc online = new OnlineEwc(0.5);
        private final SynapticIntelligence si =
                new SynapticIntelligence(0.5, 0.1, Penalty.Mode.PROXIMAL);
        private final RWalk walk =
                new RWalk(0.1, Penalty.Mode.LOSS, new RWalk.Options(0.9, 2, 1e-3));

        Trainer trainer(CausalLm model, int steps) throws IOException {
            return Trainer.of(model, GoldenPenalties.batchSource())
                    .options(
                            TrainOptions.defaults()
                                    .withSteps(steps)
                                    .withBatch(3, 1)
                                    .withLearningRate(0.01)
                                    .withSchedule(Schedule.constant()))
                    .with((Penalty) online)
                    .with((Penalty) si)
                    .with((Penalty) walk);
        }

        @Override
        public void close() {
            online.close();
            si.close();
            walk.close();
        }
    }

    /** The gradient of the mode LOSS is that of GRADIENT, and its value is counted. */
    @Test
    void partOfTheLoss() throws IOException {
        List<List<float[]>> weights = new ArrayList<>();
        List<List<StepReport>> reports = new ArrayList<>();
        for (Penalty.Mode mode : List.of(Penalty.Mode.GRADIENT, Penalty.Mode.LOSS)) {
            try (CausalLm own = model.copy();
                    L2Sp l2Sp = new L2Sp(3, mode)) {
                List<StepReport> steps = new ArrayList<>();
                Trainer.of(own, GoldenPenalties.batchSource())
                        .options(
                                TrainOptions.defaults()
                                        .withSteps(5)
                                        .withBatch(3, 1)
                                        .withLearningRate(0.01))
                        .with(l2Sp)
                        .onStep(steps::add)
                        .run();
                weights.add(weights(own));
                reports.add(steps);
            }
        }
        for (int p = 0; p < weights.get(0).size(); p++) {
            assertThat(weights.get(1).get(p)).isEqualTo(weights.get(0).get(p));
        }
        StepReport plain = reports.get(0).get(4);
        StepReport counted = reports.get(1).get(4);
        assertThat(counted.penalty()).isPositive().isEqualTo(plain.penalty());
        assertThat(counted.loss()).isCloseTo(plain.loss() + plain.penalty(), within(1e-9));
        assertThat(counted.drift()).isPositive().isEqualTo(plain.drift());
    }

    /** Rows that a resized embedding has gained are free, the others are held. */
    @Test
    void newRowsAreFree() {
        try (Scope scope = Scope.open()) {
            Parameter small = new Parameter("e", Tensor.of(new float[] {1, 2, 3, 4}, 2, 2));
            Importance importance =
                    new Importance(Map.of("e", Tensor.of(new float[] {1, 2, 3, 4}, 2, 2)));
            OnlineEwc ewc = new OnlineEwc(1);
            ewc.consolidate(List.of(small), importance);
            Parameter grown =
                    new Parameter("e", Tensor.of(new float[] {2, 2, 3, 5, 100, 100}, 3, 2));
            ewc.start(List.of(grown));
            assertThat(ewc.value(List.of(grown))).isEqualTo(1 + 4);
            List<Tensor> gradient = List.of(Tensor.zerosLike(grown.value()));
            ewc.addGradient(List.of(grown), gradient);
            assertThat(gradient.get(0).toFloatArray()).containsExactly(2, 0, 0, 8, 0, 0);
            importance.close();
            ewc.close();
        }
    }

    @Test
    void newParametersArePulledToZeroAndExcludedOnesAreFree() {
        try (Scope scope = Scope.open()) {
            List<Parameter> parameters =
                    List.of(
                            new Parameter("old.weight", Tensor.of(new float[] {1, 2}, 2)),
                            new Parameter("head.weight", Tensor.of(new float[] {3}, 1)),
                            new Parameter("norm.weight", Tensor.of(new float[] {4}, 1)));
            try (L2Sp l2Sp = L2Sp.withNew(0.5, Penalty.Mode.GRADIENT, 0.1, List.of("head.*"))) {
                l2Sp.exclude("norm.*");
                l2Sp.start(parameters);
                parameters.forEach(p -> p.value().addInPlace(Tensor.of(new float[] {1}, 1), 1));
                assertThat(l2Sp.value(parameters)).isCloseTo(0.5 * 2 + 0.1 * 16, within(1e-6));
                List<Tensor> gradients =
                        Kernels.callForList("list_zeros_like", Parameter.values(parameters));
                l2Sp.addGradient(parameters, gradients);
                assertThat(gradients.get(0).toDoubleArray()).containsExactly(1, 1);
                assertThat(gradients.get(1).toDoubleArray()[0]).isCloseTo(0.8, within(1e-6));
                assertThat(gradients.get(2).toDoubleArray()).containsExactly(0);
            }
        }
    }

    @Test
    void aStepThatOvershootsIsToldOf() {
        try (Scope scope = Scope.open()) {
            List<Parameter> parameters =
                    List.of(new Parameter("w", Tensor.of(new float[] {1, 2}, 2)));
            Importance importance = new Importance(Map.of("w", Tensor.of(new float[] {1, 60}, 2)));
            for (Penalty.Mode mode : Penalty.Mode.values()) {
                try (Ewc ewc = new Ewc(1, importance, mode)) {
                    ewc.start(parameters);
                    assertThat(ewc.warning(0.001)).isEmpty();
                    boolean told = !ewc.warning(0.01).isEmpty();
                    assertThat(told).isEqualTo(mode == Penalty.Mode.DECOUPLED);
                }
            }
            importance.close();
        }
    }
}
