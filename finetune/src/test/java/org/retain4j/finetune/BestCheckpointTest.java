package org.retain4j.finetune;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.retain4j.core.model.CausalLm;
import org.retain4j.core.model.Pretrained;
import org.retain4j.finetune.checkpoint.CheckpointException;
import org.retain4j.finetune.checkpoint.CheckpointOptions;
import org.retain4j.finetune.checkpoint.CheckpointOptions.OnSaveError;

/** {@code load_best_model_at_end}: which weights a run ends with, and what is kept for them. */
class BestCheckpointTest {

    private static final Path LLAMA = Path.of("src/test/resources/golden/models/llama");

    @TempDir private Path folder;
    private CausalLm model;
    private final Map<Long, Snapshot> seen = new HashMap<>();

    @BeforeEach
    void load() throws IOException {
        model = Pretrained.load(LLAMA);
    }

    @AfterEach
    void close() {
        model.close();
    }

    /** Eight steps, whose even ones are evaluated with these results. */
    private Trainer trainer(CheckpointOptions options, double... results) {
        return Trainer.of(model, new RandomRows(7, 384, 4, 20))
                .options(
                        TrainOptions.defaults()
                                .withSteps(8)
                                .withBatch(2, 1)
                                .withEvalSteps(2)
                                .withLearningRate(0.01))
                .evaluate(new Scripted(results))
                .onStep(report -> seen.put(report.step(), Snapshot.of(model)))
                .checkpoints(options);
    }

    private record Scripted(double... results) implements Evaluation {
        @Override
        public Map<String, Double> evaluate(CausalLm model, long step) {
            return Map.of("score", results[(int) step / 2 - 1]);
        }

        @Override
        public String toString() {
            return "Scripted";
        }
    }

    private CheckpointOptions every(int steps) {
        return CheckpointOptions.in(folder).every(steps);
    }

    private List<String> kept() throws IOException {
        try (Stream<Path> entries = Files.list(folder)) {
            return entries.map(path -> path.getFileName().toString()).sorted().toList();
        }
    }

    private Snapshot after(long step) {
        Snapshot snapshot = seen.get(step);
        assertThat(snapshot).isNotNull();
        return snapshot;
    }

    @Test
    void theRunEndsWithTheWeightsOfTheLowestNumberAndKeepsTheirCheckpoint() throws IOException {
        TrainResult result = trainer(every(3).keep(1).best("score", false), 3, 1, 2, 4).run();
        assertThat(result.bestStep()).isEqualTo(4);
        assertThat(result.steps()).isEqualTo(8);
        assertThat(result.evaluation()).containsEntry("score", 4.0);
        assertThat(Snapshot.of(model).same(after(4))).isTrue();
        assertThat(Snapshot.of(model).same(after(8))).isFalse();
        assertThat(kept()).containsExactly("checkpoint-4", "checkpoint-8");
    }

    @Test
    void theLimitCountsTheBestOne() throws IOException {
        trainer(every(1).keep(3).best("score", false), 1, 2, 3, 4).run();
        assertThat(kept()).containsExactly("checkpoint-2", "checkpoint-7", "checkpoint-8");
    }

    @Test
    void greaterMayBeBetterAndWhatIsNoNumberIsNot() {
        TrainResult result =
                trainer(every(8).best("score", true), Double.NaN, 1, 1, Double.NaN).run();
        assertThat(result.bestStep()).isEqualTo(4);
        assertThat(Snapshot.of(model).same(after(4))).isTrue();
    }

    @Test
    void withoutANumberTheLastWeightsStay() {
        double none = Double.NaN;
        TrainResult result = trainer(every(8).best("score", true), none, none, none, none).run();
        assertThat(result.bestStep()).isZero();
        assertThat(Snapshot.of(model).same(after(8))).isTrue();
    }

    @Test
    void unlessAskedForTheLastWeightsStay() {
        TrainResult result = trainer(every(8), 3, 1, 2, 4).run();
        assertThat(result.bestStep()).isZero();
        assertThat(Snapshot.of(model).same(after(8))).isTrue();
    }

    /** From before the best step, from after it, and when all steps are done. */
    @Test
    void aResumedRunEndsWithTheSameWeights() throws IOException {
        double[] results = {3, 1, 2, 4};
        CheckpointOptions options = every(3).best("score", false);
        TrainResult whole = trainer(options, results).run();
        Snapshot expected = Snapshot.of(model);
        assertThat(kept())
                .containsExactly(
                        "checkpoint-2",
                        "checkpoint-3",
                        "checkpoint-4",
                        "checkpoint-6",
                        "checkpoint-8");
        for (int step : new int[] {8, 6, 4, 3, 2}) {
            model.close();
            load();
            TrainResult resumed =
                    trainer(options, results).resume(folder.resolve("checkpoint-" + step));
            assertThat(Snapshot.of(model).same(expected)).as("from step " + step).isTrue();
            assertThat(resumed.bestStep()).isEqualTo(whole.bestStep());
        }
    }

    @Test
    void anotherMeaningOfBestIsRefusedAtAResume() {
        trainer(every(4).best("score", false), 3, 1, 2, 4).run();
        assertThatThrownBy(
                        () ->
                                trainer(every(4).best("score", true), 3, 1, 2, 4)
                                        .resume(folder.resolve("checkpoint-4")))
                .isInstanceOf(CheckpointException.class)
                .hasMessageContaining("greaterIsBetter=false")
                .hasMessageContaining("greaterIsBetter=true");
    }

    @Test
    void theAverageIsThatOfTheBestStepToo() {
        Map<Long, Snapshot> averages = new HashMap<>();
        try (EmaWeights average = new EmaWeights(0.5)) {
            trainer(every(8).best("score", false), 3, 1, 2, 4)
                    .average(average)
                    .onStep(
                            report -> {
                                average.apply();
                                averages.put(report.step(), Snapshot.of(model));
                                average.restore();
                            })
                    .run();
            average.apply();
            Snapshot expected = averages.get(4L);
            assertThat(expected).isNotNull();
            assertThat(Snapshot.of(model).same(expected)).isTrue();
        }
    }

    /** What is not on disk cannot be loaded later, so it is not remembered as the best. */
    @Test
    void aBestStepThatCouldNotBeSavedDoesNotCount() {
        TrainResult result =
                trainer(every(8).best("score", false).onSaveError(OnSaveError.CONTINUE), 3, 1, 2, 4)
                        .onStep(report -> block(report.step() == 4))
                        .run();
        assertThat(result.saveErrors()).hasSize(1);
        assertThat(result.bestStep()).isEqualTo(6);
        assertThat(Snapshot.of(model).same(after(6))).isTrue();
    }

    /** Puts a file where the folder of checkpoints was, or the folder back. */
    private void block(boolean blocked) {
        Path away = folder.resolveSibling(folder.getFileName() + "-away");
        try {
            if (blocked) {
                Files.move(folder, away);
                Files.writeString(folder, "in the way");
            } else if (Files.exists(away)) {
                Files.delete(folder);
                Files.move(away, folder);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Test
    void aLostCheckpointIsNamed() {
        assertThatThrownBy(
                        () ->
                                trainer(every(8).best("score", false), 1, 2, 3, 4)
                                        .onStep(report -> lose(report.step()))
                                        .run())
                .isInstanceOf(TrainingException.class)
                .hasMessageContaining("best weights cannot be loaded")
                .hasMessageContaining("checkpoint-2");
    }

    private void lose(long step) {
        try {
            if (step == 8) {
                Files.move(folder.resolve("checkpoint-2"), folder.resolve("elsewhere"));
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Test
    void theNumberMustComeFromAnEvaluation() {
        assertThatThrownBy(() -> trainer(every(8).best("eval_loss", false), 1, 2, 3, 4).run())
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("eval_loss")
                .hasMessageContaining("there are score");
        assertThatThrownBy(
                        () ->
                                Trainer.of(model, new RandomRows(7, 384, 4, 20))
                                        .checkpoints(every(8).best("score", false))
                                        .run())
                .isInstanceOf(TrainingException.class)
                .hasMessageContaining("load_best_model_at_end");
    }
}
