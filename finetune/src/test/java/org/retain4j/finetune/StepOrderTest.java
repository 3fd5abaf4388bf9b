package org.retain4j.finetune;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.retain4j.core.model.CausalLm;
import org.retain4j.core.model.Pretrained;
import org.retain4j.core.nn.Parameter;
import org.retain4j.core.tensor.Kernels;
import org.retain4j.core.tensor.Scope;
import org.retain4j.core.tensor.Tensor;
import org.retain4j.finetune.optim.Optimizer;
import org.retain4j.finetune.optim.Sgd;
import org.retain4j.finetune.schedule.Schedule;

/** Each plug point is called once, in its place, with what the place promises. */
class StepOrderTest {

    private static final Path LLAMA = Path.of("src/test/resources/golden/models/llama");
    private static final BatchSource ROWS = new RandomRows(3, 384, 6, 6);

    private final List<String> calls = new ArrayList<>();
    private CausalLm model;

    @BeforeEach
    void load() throws IOException {
        model = Pretrained.load(LLAMA);
    }

    @AfterEach
    void close() {
        model.close();
    }

    private Trainer trainer(int steps) {
        return Trainer.of(
                        model,
                        (first, count) -> {
                            calls.add("rows " + first + "+" + count);
                            return ROWS.rows(first, count);
                        })
                .options(
                        TrainOptions.defaults()
                                .withSteps(steps)
                                .withBatch(2, 1)
                                .withLearningRate(0.5)
                                .withSchedule(Schedule.constant())
                                .withOptimizer(new Sgd.Options(0, 0)));
    }

    @Test
    void everyPlugPointIsCalledInTheFixedOrder() {
        try (CausalLm teacher = model.copy()) {
            trainer(2)
                    .with(new Loss())
                    .with(mixer("mix"))
                    .with(new Weigh("weigh a"))
                    .with(new Weigh("weigh b"))
                    .with(new Teacher(teacher))
                    .with(new Pull("gradient", Penalty.Mode.GRADIENT, 0))
                    .with(new Pull("decoupled", Penalty.Mode.DECOUPLED, 0))
                    .with(new Pull("proximal", Penalty.Mode.PROXIMAL, 0))
                    .with(new Project("project a", false))
                    .with(new Project("project b", true))
                    .with(wrapper("inner", false))
                    .with(wrapper("sam", true))
                    .onStep(report -> calls.add("listener " + report.step()))
                    .run();
        }
        List<String> start = List.of("start gradient", "start decoupled", "start proximal");
        List<String> step =
                List.of(
                        "loss",
                        "distil",
                        "observe gradient",
                        "observe decoupled",
                        "observe proximal",
                        "add gradient",
                        "value gradient",
                        "value decoupled",
                        "value proximal",
                        "project a",
                        "project b",
                        "step sam",
                        "loss",
                        "distil",
                        "add gradient",
                        "project a",
                        "project b",
                        "step inner",
                        "update project b",
                        "after decoupled",
                        "after proximal");
        List<String> expected = new ArrayList<>(start);
        for (int s = 0; s < 2; s++) {
            expected.addAll(List.of("mix", "rows " + 2 * s + "+2", "weigh a", "weigh b"));
            expected.addAll(step);
            expected.add("listener " + (s + 1));
        }
        expected.addAll(List.of("close sam", "close inner"));
        assertThat(calls).containsExactlyElementsOf(expected);
    }

    @Test
    void penaltiesSeeTheTaskGradientAndProjectionsTheSum() {
        List<Double> norms = new ArrayList<>();
        Pull pull = new Pull("p", Penalty.Mode.GRADIENT, 100);
        List<StepReport> reports = new ArrayList<>();
        trainer(1)
                .with(pull)
                .with(
                        new GradientProjection() {
                            @Override
                            public void project(List<Parameter> all, List<Tensor> gradients) {
                                norms.add(norm(gradients));
                                gradients.forEach(g -> g.mulInPlace(2));
                            }
                        })
                .with(watching((list, again) -> norms.add(norm(list))))
                .onStep(reports::add)
                .run();
        double task = pull.observed;
        double withPenalty = norms.get(0);
        double weights = model.parameters().stream().mapToDouble(Parameter::elements).sum();
        assertThat(task).isBetween(0.1, 20.0);
        // the penalty adds 100 to each of the gradients, which dwarfs the task's
        assertThat(withPenalty).isCloseTo(100 * Math.sqrt(weights), within(task));
        StepReport report = reports.get(0);
        assertThat(report.gradientNorm()).isCloseTo(2 * withPenalty, within(1e-3 * withPenalty));
        assertThat(report.penaltyGradientShare())
                .isCloseTo(100 * Math.sqrt(weights) / task, within(1e-3 * withPenalty / task));
        assertThat(report.penalty()).isEqualTo(42);
        assertThat(norms.get(1)).as("clipped after the projection").isCloseTo(1, within(1e-4));
    }

    @Test
    void aProjectionOfTheUpdateSeesTheWeightsBeforeIt() {
        Snapshot before = Snapshot.of(model);
        List<Boolean> moved = new ArrayList<>();
        trainer(2)
                .with(
                        new GradientProjection() {
                            @Override
                            public void project(List<Parameter> all, List<Tensor> gradients) {}

                            @Override
                            public boolean projectsUpdates() {
                                return true;
                            }

                            @Override
                            public void projectUpdate(List<Parameter> all, List<Tensor> old) {
                                moved.add(!Snapshot.of(model).same(before));
                                for (int i = 0; i < all.size(); i++) {
                                    all.get(i).value().copyInPlace(old.get(i));
                                }
                            }
                        })
                .run();
        assertThat(moved).containsExactly(true, true);
        assertThat(Snapshot.of(model).same(before)).isTrue();
    }

    @Test
    void theSecondGradientIsThatOfTheMovedWeightsOnTheSameRows() {
        List<Double> norms = new ArrayList<>();
        List<StepReport> reports = new ArrayList<>();
        Tensor scale = model.parameter("model.norm.weight").value();
        trainer(1)
                .with(
                        watching(
                                (list, again) -> {
                                    norms.add(distance(list, again.compute()));
                                    scale.mulInPlace(3);
                                    norms.add(distance(list, again.compute()));
                                    norms.add(norm(again.compute()));
                                    scale.mulInPlace(1 / 3.0);
                                }))
                .onStep(reports::add)
                .run();
        assertThat(norms.get(0)).as("at the same weights").isLessThan(1e-6);
        assertThat(norms.get(1)).as("at other weights").isGreaterThan(0.1);
        assertThat(norms.get(2)).as("clipped too").isCloseTo(1, within(1e-4));
        double loss;
        try (CausalLm fresh = Pretrained.load(LLAMA);
                Scope scope = Scope.open()) {
            fresh.parameters().forEach(p -> p.value().requiresGrad(true));
            LossGradient task =
                    new LossGradient(
                            fresh, fresh.parameters(), new CrossEntropy(), List.of(), false, 256);
            loss = task.of(ROWS.rows(0, 2), 10).loss();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        assertThat(reports.get(0).loss())
                .as("the loss of the first pass is reported")
                .isCloseTo(loss, within(1e-6));
    }

    @Test
    void aDecoupledPenaltyMovesWeightsAfterTheClippedStep() {
        Snapshot plain = run(null);
        Pull pull = new Pull("d", Penalty.Mode.DECOUPLED, 1);
        Snapshot pulled = run(pull);
        // the double adds its factor times the learning rate to every weight
        for (String name : plain.weights().keySet()) {
            float[] a = plain.weights().get(name);
            float[] b = pulled.weights().get(name);
            for (int i = 0; i < a.length; i++) {
                assertThat(b[i] - a[i]).as(name).isCloseTo(0.5f, within(1e-5f));
            }
        }
    }

    private Snapshot run(@Nullable Penalty penalty) {
        try (CausalLm copy = model.copy()) {
            Trainer trainer =
                    Trainer.of(copy, ROWS)
                            .options(
                                    TrainOptions.defaults()
                                            .withSteps(1)
                                            .withBatch(2, 1)
                                            .withLearningRate(0.5)
                                            .withSchedule(Schedule.constant()));
            if (penalty != null) {
                trainer.with(penalty);
            }
            trainer.run();
            return Snapshot.of(copy);
        }
    }

    private static double norm(List<Tensor> tensors) {
        try (Scope scope = Scope.open()) {
            return Kernels.call("global_norm", tensors).item();
        }
    }

    private static double distance(List<Tensor> a, List<Tensor> b) {
        try (Scope scope = Scope.open()) {
            List<Tensor> difference = Kernels.callForList("list_clone", a);
            Kernels.call("list_add_", difference, b, -1.0);
            return norm(difference);
        }
    }

    private BatchMixer mixer(String name) {
        return source ->
                (first, count) -> {
                    calls.add(name);
                    return source.rows(first, count);
                };
    }

    private OptimizerWrapper wrapper(String name, boolean again) {
        return (inner, parameters, gradients) ->
                new Watched(
                        inner,
                        name,
                        list -> {
                            if (again) {
                                gradients.compute();
                            }
                        });
    }

    private OptimizerWrapper watching(TwiceWatcher watcher) {
        return (inner, parameters, again) ->
                new Watched(inner, "w", list -> watcher.see(list, again));
    }

    private interface Watcher {
        void see(List<Tensor> gradients);
    }

    private interface TwiceWatcher {
        void see(List<Tensor> gradients, OptimizerWrapper.Gradients again);
    }

    private final class Watched implements Optimizer {
        private final Optimizer inner;
        private final String name;
        private final Watcher watcher;

        Watched(Optimizer inner, String name, Watcher watcher) {
            this.inner = inner;
            this.name = name;
            this.watcher = watcher;
        }

        @Override
        public void step(List<Tensor> gradients, double learningRate) {
            calls.add("step " + name);
            watcher.see(gradients);
            inner.step(gradients, learningRate);
        }

        @Override
        public void close() {
            calls.add("close " + name);
            inner.close();
        }
    }

    private final class Loss implements Objective {
        private final CrossEntropy loss = new CrossEntropy();

        @Override
        public Tensor accumulate(LogitChunk chunk) {
            calls.add("loss");
            return loss.accumulate(chunk);
        }
    }

    private final class Teacher implements Distillation {
        private final CausalLm teacher;

        Teacher(CausalLm teacher) {
            this.teacher = teacher;
        }

        @Override
        public CausalLm teacher() {
            return teacher;
        }

        @Override
        public Tensor accumulate(LogitChunk chunk, Tensor teacherLogits) {
            calls.add("distil");
            assertThat(teacherLogits.shape()).isEqualTo(chunk.logits().shape());
            return Tensor.scalar(0);
        }
    }

    private final class Weigh implements TokenWeight {
        private final String name;

        Weigh(String name) {
            this.name = name;
        }

        @Override
        public List<TrainRow> weigh(List<TrainRow> rows) {
            calls.add(name);
            return rows;
        }
    }

    private final class Project implements GradientProjection {
        private final String name;
        private final boolean updates;

        Project(String name, boolean updates) {
            this.name = name;
            this.updates = updates;
        }

        @Override
        public void project(List<Parameter> parameters, List<Tensor> gradients) {
            calls.add(name);
        }

        @Override
        public boolean projectsUpdates() {
            return updates;
        }

        @Override
        public void projectUpdate(List<Parameter> parameters, List<Tensor> before) {
            calls.add("update " + name);
        }
    }

    /** Adds a constant to every gradient, or times the learning rate to every weight. */
    private final class Pull implements Penalty {
        private final String name;
        private final Mode mode;
        private final double factor;
        private double observed;

        Pull(String name, Mode mode, double factor) {
            this.name = name;
            this.mode = mode;
            this.factor = factor;
        }

        @Override
        public Mode mode() {
            return mode;
        }

        @Override
        public void start(List<Parameter> parameters) {
            calls.add("start " + name);
        }

        @Override
        public double value(List<Parameter> parameters) {
            calls.add("value " + name);
            return 42;
        }

        @Override
        public void observeTaskGradient(List<Parameter> parameters, List<Tensor> gradients) {
            calls.add("observe " + name);
            observed = norm(gradients);
        }

        @Override
        public double addGradient(List<Parameter> parameters, List<Tensor> gradients) {
            calls.add("add " + name);
            try (Scope scope = Scope.open()) {
                List<Tensor> added = new ArrayList<>();
                for (Tensor gradient : gradients) {
                    Tensor constant = Tensor.zerosLike(gradient).add(factor);
                    gradient.addInPlace(constant, 1);
                    added.add(constant);
                }
                return norm(added);
            }
        }

        @Override
        public void afterStep(List<Parameter> parameters, double learningRate) {
            calls.add("after " + name);
            try (Scope scope = Scope.open()) {
                for (Parameter parameter : parameters) {
                    Tensor value = parameter.value().detach();
                    value.addInPlace(Tensor.zerosLike(value).add(1), factor * learningRate);
                }
            }
        }
    }
}
