package org.retain4j.finetune;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.retain4j.core.model.CausalLm;
import org.retain4j.core.model.Pretrained;
import org.retain4j.core.tensor.Scope;
import org.retain4j.evaluation.report.TrainingPoint;
import org.retain4j.finetune.monitor.EarlyStopping;
import org.retain4j.finetune.monitor.HeldOutLoss;
import org.retain4j.finetune.monitor.MetricsLog;
import org.retain4j.finetune.monitor.RunHistory;
import org.retain4j.finetune.monitor.StopAbove;
import org.retain4j.finetune.monitor.TimingsLog;

/** Evaluations, rules that stop, averages, the log and the clock. */
class MonitorTest {

    private static final Path LLAMA = Path.of("src/test/resources/golden/models/llama");
    private static final BatchSource ROWS = new RandomRows(7, 384, 4, 20);

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
        return Trainer.of(model, ROWS)
                .options(
                        TrainOptions.defaults()
                                .withSteps(steps)
                                .withBatch(2, 1)
                                .withLearningRate(0.01)
                                .withEvalSteps(2)
                                .withLoggingSteps(3));
    }

    @Test
    void heldOutLossIsThatOfTheTrainingLossOnTheSameRows() {
        List<TrainRow> rows = new ArrayList<>(ROWS.rows(0, 3));
        rows.add(TrainRow.packed(ROWS.rows(3, 2)));
        double weight = rows.stream().mapToDouble(TrainRow::totalWeight).sum();
        double expected;
        try (Scope scope = Scope.open()) {
            model.parameters().forEach(p -> p.value().requiresGrad(true));
            expected =
                    new LossGradient(
                                    model,
                                    model.parameters(),
                                    new CrossEntropy(),
                                    List.of(),
                                    false,
                                    64)
                            .of(rows, weight)
                            .loss();
            model.parameters().forEach(p -> p.value().requiresGrad(false));
        }
        HeldOutLoss held = new HeldOutLoss("eval", rows, 2);
        held.start(model);
        Map<String, Double> results = held.evaluate(model, 1);
        assertThat(results.get("eval_loss")).isCloseTo(expected, within(1e-5));
        assertThat(results.get("eval_rise")).isZero();
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new HeldOutLoss("eval", List.of(), 2));
    }

    @Test
    void reportsCarryEvaluationsAndTheLogItsSteps() {
        List<StepReport> all = new ArrayList<>();
        List<Long> logged = new ArrayList<>();
        TrainResult result =
                trainer(7)
                        .evaluate(new HeldOutLoss("old", ROWS.rows(100, 2), 2))
                        .onStep(all::add)
                        .onLog(report -> logged.add(report.step()))
                        .run();
        assertThat(all.stream().filter(r -> !r.evaluation().isEmpty()).map(StepReport::step))
                .containsExactly(2L, 4L, 6L, 7L);
        assertThat(logged).containsExactly(1L, 2L, 3L, 4L, 6L, 7L);
        assertThat(result.evaluation()).containsOnlyKeys("old_loss", "old_rise");
        assertThat(result.evaluation()).isEqualTo(all.get(6).evaluation());
        assertThat(all).allMatch(report -> report.tokens() > 0 && report.seconds() > 0);
        assertThat(all.stream().mapToLong(StepReport::tokens).sum()).isEqualTo(result.newTokens());
    }

    @Test
    void forgettingTooMuchStopsTheRun() {
        TrainResult result =
                trainer(20)
                        .evaluate((m, step) -> Map.of("old_rise", step / 10.0))
                        .stopWhen(new StopAbove("old_rise", 0.5))
                        .run();
        assertThat(result.steps()).isEqualTo(6);
        assertThat(result.stopped()).contains("old_rise is 0.6").contains("0.5");
    }

    @Test
    void earlyStoppingWaitsForItsPatience() {
        double[] losses = {3, 2, 1.95, 1.5, 1.6, 1.5, 1.45, 1};
        TrainResult result =
                trainer(40)
                        .evaluate((m, step) -> Map.of("eval_loss", losses[(int) step / 2 - 1]))
                        .stopWhen(new EarlyStopping("eval_loss", false, 3, 0.1))
                        .run();
        assertThat(result.steps()).isEqualTo(14);
        assertThat(result.stopped()).contains("eval_loss was best at step 8 (1.5)");
        EarlyStopping greater = new EarlyStopping("accuracy", true, 1, 0);
        assertThat(greater.check(1, Map.of("accuracy", 0.5))).isEmpty();
        EarlyStopping resumed = new EarlyStopping("accuracy", true, 1, 0);
        resumed.load(greater.save());
        assertThat(resumed.check(2, Map.of("accuracy", 0.6))).isEmpty();
        assertThat(resumed.bestStep()).isEqualTo(2);
        assertThat(resumed.check(3, Map.of("accuracy", Double.NaN))).isNotEmpty();
        assertThatIllegalArgumentException()
                .isThrownBy(() -> greater.check(1, Map.of("acc", 1.0)))
                .withMessageContaining("accuracy")
                .withMessageContaining("acc");
    }

    @Test
    void evaluationsOfTheSameNameAreRefused() {
        assertThatThrownBy(
                        () ->
                                trainer(2)
                                        .evaluate((m, step) -> Map.of("x", 1.0))
                                        .evaluate((m, step) -> Map.of("x", 2.0))
                                        .run())
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("named x");
    }

    @Test
    void theAverageFollowsItsFormulaAndComesAndGoes() {
        List<float[]> seen = new ArrayList<>();
        String name = "model.norm.weight";
        seen.add(model.parameter(name).value().toFloatArray());
        try (EmaWeights average = new EmaWeights(0.75)) {
            trainer(3)
                    .average(average)
                    .onStep(r -> seen.add(model.parameter(name).value().toFloatArray()))
                    .run();
            Snapshot own = Snapshot.of(model);
            average.apply();
            float[] found = model.parameter(name).value().toFloatArray();
            for (int i = 0; i < found.length; i++) {
                double expected = seen.get(0)[i];
                for (int s = 1; s <= 3; s++) {
                    expected = 0.75 * expected + 0.25 * seen.get(s)[i];
                }
                assertThat((double) found[i]).isCloseTo(expected, within(1e-6));
            }
            assertThatThrownBy(average::apply).isInstanceOf(IllegalStateException.class);
            average.restore();
            assertThat(Snapshot.of(model).same(own)).isTrue();
        }
        assertThatIllegalArgumentException().isThrownBy(() -> new EmaWeights(1));
    }

    @Test
    void theLogDropsWhatAnInterruptedRunWroteTooMuch(@TempDir Path folder) throws IOException {
        Path file = folder.resolve("metrics.jsonl");
        trainer(3).onStep(new MetricsLog(file)).run();
        List<String> lines = Files.readAllLines(file);
        assertThat(lines).hasSize(3);
        assertThat(lines.get(1)).startsWith("{\"step\":2,").contains("\"grad_norm\":");
        Files.writeString(file, lines.get(0) + "\n" + lines.get(1) + "\n{\"step\":3,\"lo");
        MetricsLog again = new MetricsLog(file);
        again.onStep(
                new StepReport(
                        2,
                        3,
                        1,
                        0,
                        0,
                        0,
                        0,
                        1,
                        0.1,
                        9,
                        0,
                        9,
                        0.5,
                        9,
                        0.5,
                        Map.of("eval_loss", 2.5)));
        assertThat(Files.readAllLines(file)).hasSize(2).first().isEqualTo(lines.get(0));
        assertThat(Files.readAllLines(file).get(1)).contains("\"eval_loss\":2.5");
    }

    /** The tokens between two lines of the log are those of all steps between them. */
    @Test
    void loggedStepsTellTokensAndTimeSinceTheOneBefore() {
        List<StepReport> all = new ArrayList<>();
        List<StepReport> logged = new ArrayList<>();
        trainer(7).onStep(all::add).onLog(logged::add).run();
        assertThat(logged).extracting(StepReport::step).containsExactly(1L, 3L, 6L, 7L);
        long first = 0;
        for (StepReport line : logged) {
            List<StepReport> between = all.subList((int) first, (int) line.step());
            assertThat(line.intervalTokens())
                    .isEqualTo(between.stream().mapToLong(StepReport::tokens).sum());
            assertThat(line.intervalSeconds())
                    .isCloseTo(
                            between.stream().mapToDouble(StepReport::seconds).sum(), within(1e-9));
            assertThat(line.tokensPerSecond())
                    .isEqualTo(line.intervalTokens() / line.intervalSeconds());
            first = line.step();
        }
    }

    @Test
    void theLogsTogetherAreTheHistoryOfTheRun(@TempDir Path folder) throws IOException {
        Path metrics = folder.resolve("metrics.jsonl");
        Path timings = folder.resolve("timings.jsonl");
        assertThat(RunHistory.read(metrics, timings)).isEmpty();
        List<StepReport> logged = new ArrayList<>();
        trainer(7)
                .evaluate((m, step) -> Map.of("eval_loss", step == 4 ? Double.NaN : 1.0 / step))
                .onLog(new MetricsLog(metrics))
                .onLog(new TimingsLog(timings))
                .onLog(logged::add)
                .run();
        List<TrainingPoint> points = RunHistory.read(metrics, timings);
        assertThat(points).hasSameSizeAs(logged);
        for (int i = 0; i < points.size(); i++) {
            StepReport report = logged.get(i);
            assertThat(points.get(i))
                    .isEqualTo(
                            new TrainingPoint(
                                    report.step(),
                                    report.loss(),
                                    report.gradientNorm(),
                                    report.learningRate(),
                                    report.tokensPerSecond(),
                                    report.evaluation()));
        }
        assertThat(points).extracting(TrainingPoint::step).containsExactly(1L, 2L, 3L, 4L, 6L, 7L);
        // a process that was killed while it wrote
        String text = Files.readString(metrics);
        Files.writeString(metrics, text.substring(0, text.length() - 5));
        Files.delete(timings);
        List<TrainingPoint> shorter = RunHistory.read(metrics, timings);
        assertThat(shorter).hasSize(5).allMatch(point -> Double.isNaN(point.tokensPerSecond()));
    }

    @Test
    void theTimingsGoOnAfterAResumeAsTheMetricsDo(@TempDir Path folder) throws IOException {
        Path file = folder.resolve("timings.jsonl");
        Files.writeString(
                file,
                "{\"step\":1,\"seconds\":2.0}\n{\"step\":4,\"seconds\":3.0}\n{\"step\":6,\"se");
        new TimingsLog(file)
                .onStep(
                        new StepReport(
                                4, 8, 1, 0, 0, 0, 0, 1, 0.1, 9, 0, 9, 0.5, 30, 1.5, Map.of()));
        assertThat(Files.readAllLines(file))
                .containsExactly(
                        "{\"step\":1,\"seconds\":2.0}",
                        "{\"step\":4,\"tokens\":30,\"seconds\":1.5,\"tokens_per_second\":20.0}");
    }

    @Test
    void theClockKnowsThePartsOfAStep() {
        PhaseTimes times = new PhaseTimes();
        trainer(3).profile(times).run();
        Map<PhaseTimes.Phase, Double> seconds = times.seconds();
        assertThat(seconds).containsOnlyKeys(PhaseTimes.Phase.values());
        for (PhaseTimes.Phase phase : PhaseTimes.Phase.values()) {
            assertThat(seconds.get(phase)).as(phase.name()).isPositive();
        }
        times.reset();
        assertThat(times.seconds().values()).allMatch(s -> s == 0);
    }

    @Test
    void optionsSayWhatIsWrong() {
        TrainOptions options = TrainOptions.defaults();
        assertThat(options.withBatch(4, 2).withEpochs(1.5, 100).steps()).isEqualTo(19);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> options.withEpochs(0, 100))
                .withMessageContaining("num_train_epochs");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> options.withNeftuneNoiseAlpha(-1))
                .withMessageContaining("neftune_noise_alpha");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> options.withLoggingSteps(0))
                .withMessageContaining("logging_steps");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> options.withEvalSteps(-1))
                .withMessageContaining("eval_steps");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Trainer.of(model, ROWS).freeze("model.layer.0"))
                .withMessageContaining("did you mean model.layers.0?");
    }
}
