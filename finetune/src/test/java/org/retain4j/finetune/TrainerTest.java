package org.retain4j.finetune;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.retain4j.core.model.CausalLm;
import org.retain4j.core.model.Pretrained;
import org.retain4j.core.nn.Parameter;
import org.retain4j.core.tensor.Scope;
import org.retain4j.core.tensor.Tensor;
import org.retain4j.finetune.optim.AdamW;
import org.retain4j.finetune.optim.OptimizerFactory;
import org.retain4j.finetune.optim.Sgd;
import org.retain4j.finetune.schedule.Schedule;

/** What every run guarantees, whatever is plugged in. */
class TrainerTest {

    private static final Path LLAMA = Path.of("src/test/resources/golden/models/llama");
    private static final OptimizerFactory SGD = new Sgd.Options(0.9, 0);
    private static final BatchSource ROWS = new RandomRows(7, 384, 4, 20);

    private CausalLm base;

    @BeforeEach
    void load() throws IOException {
        base = Pretrained.load(LLAMA);
    }

    @AfterEach
    void close() {
        base.close();
    }

    private static TrainOptions options(int steps) {
        return TrainOptions.defaults()
                .withSteps(steps)
                .withBatch(4, 1)
                .withLearningRate(0.01)
                .withSchedule(Schedule.constant());
    }

    private Snapshot train(BatchSource rows, TrainOptions options) {
        try (CausalLm model = base.copy()) {
            Trainer.of(model, rows).options(options).run();
            return Snapshot.of(model);
        }
    }

    @Test
    void theSameRunTwiceGivesTheSameBitsAndOtherDataOthers() {
        TrainOptions options = options(5).withOptimizer(AdamW.Options.defaults());
        Snapshot first = train(ROWS, options);
        assertThat(train(ROWS, options).same(first)).isTrue();
        assertThat(train(new RandomRows(8, 384, 4, 20), options).same(first)).isFalse();
        assertThat(first.same(Snapshot.of(base))).isFalse();
    }

    @Test
    void accumulatedBatchesEqualOneLargeBatch() {
        TrainOptions options = options(4).withOptimizer(SGD);
        Snapshot large = train(ROWS, options.withBatch(8, 1));
        assertThat(train(ROWS, options.withBatch(2, 4)).distance(large)).isLessThan(1e-6);
        assertThat(train(ROWS, options.withBatch(4, 2)).distance(large)).isLessThan(1e-6);
        // a tolerance that a run without any training would pass shows nothing
        assertThat(Snapshot.of(base).distance(large)).isGreaterThan(1e-3);
    }

    @Test
    void checkpointingChangesNoWeight() {
        TrainOptions options = options(4).withOptimizer(SGD);
        Snapshot plain = train(ROWS, options);
        assertThat(train(ROWS, options.withGradientCheckpointing(true)).distance(plain))
                .isLessThan(1e-6);
    }

    @ParameterizedTest
    @ValueSource(strings = {"model.layers.1.", "lm_head", "model.embed_tokens", "model.norm"})
    void frozenWeightsKeepTheirBits(String trained) {
        for (boolean checkpointing : new boolean[] {false, true}) {
            try (CausalLm model = base.copy()) {
                Snapshot before = Snapshot.of(model);
                Trainer.of(model, ROWS)
                        .trainOnly(parameter -> parameter.name().startsWith(trained))
                        .options(options(3).withGradientCheckpointing(checkpointing))
                        .run();
                Snapshot after = Snapshot.of(model);
                for (String name : before.weights().keySet()) {
                    assertThat(after.same(name, before))
                            .as(name)
                            .isEqualTo(!name.startsWith(trained));
                }
                assertNothingRequiresGrad(model);
            }
        }
    }

    @Test
    void frozenGradientsDoNotChangeThoseOfTheOthers() {
        LossGradient all = gradient(base, base.parameters());
        List<Parameter> some =
                base.parameters().stream().filter(p -> p.name().contains("mlp")).toList();
        LossGradient part = gradient(base, some);
        try (Scope scope = Scope.open()) {
            base.parameters().forEach(p -> p.value().requiresGrad(true));
            List<Tensor> whole = all.of(ROWS.rows(0, 4), 10).gradients();
            List<Tensor> few = part.of(ROWS.rows(0, 4), 10).gradients();
            for (int i = 0; i < few.size(); i++) {
                Tensor same = whole.get(base.parameters().indexOf(some.get(i)));
                assertThat(few.get(i).toFloatArray()).isEqualTo(same.toFloatArray());
            }
        } finally {
            base.parameters().forEach(p -> p.value().requiresGrad(false));
        }
    }

    private static LossGradient gradient(CausalLm model, List<Parameter> parameters) {
        return new LossGradient(model, parameters, new CrossEntropy(), List.of(), false, 7);
    }

    @Test
    void tokensThatDoNotCountDoNotMatter() {
        TrainRow[] rows = {
            new TrainRow(new int[] {5, 6, 7, 8, 9}, new float[] {0, 1, 1, 0, 0}, false),
            new TrainRow(new int[] {5, 6, 7, 200, 300}, new float[] {0, 1, 1, 0, 0}, false)
        };
        Snapshot[] results = new Snapshot[2];
        for (int i = 0; i < 2; i++) {
            TrainRow row = rows[i];
            results[i] = train((first, count) -> List.of(row), options(3).withBatch(1, 1));
        }
        // Adam's division makes any difference large, so nearly equal here means no influence
        assertThat(results[1].distance(results[0])).isLessThan(1e-6);
    }

    @Test
    void aTokenWeightIsAShareOfTheWholeStep() {
        TrainRow half = new TrainRow(new int[] {5, 6, 7}, new float[] {0, 1, 0.5f}, false);
        TrainRow doubled = new TrainRow(new int[] {5, 6, 7}, new float[] {0, 2, 1}, false);
        Snapshot one =
                train((f, c) -> List.of(half), options(1).withBatch(1, 1).withOptimizer(SGD));
        Snapshot two =
                train((f, c) -> List.of(doubled), options(1).withBatch(1, 1).withOptimizer(SGD));
        assertThat(two.distance(one)).isLessThan(1e-7);
    }

    @Test
    void aStepWithoutACountedTokenIsRefused() {
        TrainRow masked = new TrainRow(new int[] {5, 6, 7}, new float[3], false);
        try (CausalLm model = base.copy()) {
            Snapshot before = Snapshot.of(model);
            assertThatThrownBy(
                            () ->
                                    Trainer.of(model, (f, c) -> List.of(masked, masked))
                                            .options(options(2))
                                            .run())
                    .isInstanceOf(TrainingException.class)
                    .hasMessageContaining("step 1")
                    .hasMessageContaining("all are masked");
            assertThat(Snapshot.of(model).same(before)).isTrue();
            assertNothingRequiresGrad(model);
        }
    }

    @Test
    void oneCountedTokenInTheWholeStepIsEnough() {
        TrainRow masked = new TrainRow(new int[] {5, 6, 7}, new float[3], false);
        TrainRow counted = new TrainRow(new int[] {5, 6, 7}, new float[] {0, 0, 1}, false);
        Snapshot alone = train((f, c) -> List.of(counted), options(2).withOptimizer(SGD));
        Snapshot beside =
                train(
                        (f, c) -> List.of(masked, counted),
                        options(2).withBatch(1, 2).withOptimizer(SGD));
        assertThat(beside.distance(alone)).isLessThan(1e-7);
    }

    @Test
    void anExplodedRunStopsWithTheStepAndTheWeight() {
        long before = Scope.liveTensors();
        List<StepReport> reports = new ArrayList<>();
        try (CausalLm model = base.copy()) {
            assertThatThrownBy(
                            () ->
                                    Trainer.of(model, ROWS)
                                            .options(
                                                    options(5)
                                                            .withOptimizer(SGD)
                                                            .withLearningRate(1e30))
                                            .onStep(reports::add)
                                            .run())
                    .isInstanceOf(TrainingException.class)
                    .hasMessageContaining("step " + (reports.size() + 1))
                    .hasMessageContaining("lower the learning rate");
            assertThat(reports).hasSizeLessThan(5);
            assertNothingRequiresGrad(model);
        }
        assertThat(Scope.liveTensors()).isEqualTo(before);
    }

    @Test
    void aLossThatIsNoNumberNamesTheBrokenWeight() {
        try (CausalLm model = base.copy()) {
            try (Scope scope = Scope.open()) {
                model.parameter("model.layers.1.mlp.up_proj.weight")
                        .value()
                        .mulInPlace(Double.POSITIVE_INFINITY);
            }
            Snapshot before = Snapshot.of(model);
            assertThatThrownBy(() -> Trainer.of(model, ROWS).options(options(2)).run())
                    .isInstanceOf(TrainingException.class)
                    .hasMessageContaining("step 1")
                    .hasMessageContaining("model.layers.1.mlp.up_proj.weight");
            assertThat(Snapshot.of(model).same(before)).isTrue();
            assertNothingRequiresGrad(model);
        }
    }

    @Test
    void aGradientThatIsNoNumberNamesItsWeightAndChangesNothing() {
        GradientProjection breaking =
                new GradientProjection() {
                    @Override
                    public void project(List<Parameter> parameters, List<Tensor> gradients) {
                        for (int i = 0; i < parameters.size(); i++) {
                            if (parameters.get(i).name().equals("model.norm.weight")) {
                                gradients.get(i).mulInPlace(Double.NaN);
                            }
                        }
                    }
                };
        try (CausalLm model = base.copy()) {
            Snapshot before = Snapshot.of(model);
            assertThatThrownBy(
                            () -> Trainer.of(model, ROWS).options(options(2)).with(breaking).run())
                    .isInstanceOf(TrainingException.class)
                    .hasMessageContaining("step 1")
                    .hasMessageContaining("gradient of model.norm.weight");
            assertThat(Snapshot.of(model).same(before)).isTrue();
            assertNothingRequiresGrad(model);
        }
    }

    @Test
    void aWrapperThatFailsLeavesNothingBehind() {
        long before = Scope.liveTensors();
        OptimizerWrapper failing =
                (inner, parameters, gradients) -> {
                    throw new IllegalStateException("no");
                };
        assertThatThrownBy(() -> Trainer.of(base, ROWS).options(options(1)).with(failing).run())
                .isInstanceOf(IllegalStateException.class);
        assertThat(Scope.liveTensors()).isEqualTo(before);
        assertNothingRequiresGrad(base);
    }

    @Test
    void aFilterThatFitsNothingIsRefused() {
        assertThatThrownBy(() -> Trainer.of(base, ROWS).trainOnly(p -> false).run())
                .isInstanceOf(TrainingException.class)
                .hasMessageContaining("no parameter is trainable");
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void noTensorOutlivesItsStep(boolean checkpointing) {
        long before = Scope.liveTensors();
        List<Long> live = new ArrayList<>();
        try (CausalLm model = base.copy()) {
            long loaded = Scope.liveTensors();
            Trainer.of(model, ROWS)
                    .options(options(6).withBatch(2, 3).withGradientCheckpointing(checkpointing))
                    .onStep(report -> live.add(Scope.liveTensors()))
                    .run();
            assertThat(Scope.liveTensors()).isEqualTo(loaded);
        }
        assertThat(live).hasSize(6);
        assertThat(live.stream().distinct()).hasSize(1);
        assertThat(Scope.liveTensors()).isEqualTo(before);
    }

    @Test
    void reportsCountStepsTokensAndTheRate() {
        List<StepReport> reports = new ArrayList<>();
        BatchSource source =
                (first, count) -> {
                    assertThat(count).isEqualTo(6);
                    return List.of(
                            TrainRow.of(1, 2, 3),
                            TrainRow.of(4, 5).asReplayed(),
                            TrainRow.of(1, 2, 3),
                            TrainRow.of(1, 2, 3),
                            TrainRow.of(1, 2, 3),
                            TrainRow.of(4, 5).asReplayed());
                };
        try (CausalLm model = base.copy()) {
            TrainResult result =
                    Trainer.of(model, source)
                            .options(options(2).withBatch(2, 3).withSchedule(Schedule.linear(0)))
                            .onStep(reports::add)
                            .run();
            assertThat(result.steps()).isEqualTo(2);
            assertThat(result.newTokens()).isEqualTo(24);
            assertThat(result.replayedTokens()).isEqualTo(8);
            assertThat(result.finalLoss()).isEqualTo(reports.get(1).loss());
        }
        assertThat(reports).extracting(StepReport::step).containsExactly(1L, 2L);
        assertThat(reports).extracting(StepReport::newTokens).containsExactly(12L, 24L);
        assertThat(reports).extracting(StepReport::replayedTokens).containsExactly(4L, 8L);
        assertThat(reports.get(0).learningRate()).isCloseTo(0.01, within(1e-15));
        assertThat(reports.get(1).learningRate()).isCloseTo(0.005, within(1e-15));
        assertThat(reports.get(1).loss()).isPositive().isLessThan(reports.get(0).loss());
    }

    private static void assertNothingRequiresGrad(CausalLm model) {
        assertThat(model.parameters()).noneMatch(parameter -> parameter.value().requiresGrad());
    }
}
