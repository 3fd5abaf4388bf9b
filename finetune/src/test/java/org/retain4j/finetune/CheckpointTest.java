package org.retain4j.finetune;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.retain4j.core.model.CausalLm;
import org.retain4j.core.model.Pretrained;
import org.retain4j.core.tensor.Scope;
import org.retain4j.core.tensor.Tensor;
import org.retain4j.finetune.checkpoint.CheckpointException;
import org.retain4j.finetune.checkpoint.CheckpointOptions;
import org.retain4j.finetune.checkpoint.CheckpointOptions.OnSaveError;
import org.retain4j.finetune.checkpoint.Checkpoints;
import org.retain4j.finetune.optim.Adafactor;
import org.retain4j.finetune.optim.AdamW;
import org.retain4j.finetune.optim.OptimizerFactory;
import org.retain4j.finetune.optim.Sgd;

/** What a checkpoint holds, and which ones are refused. */
class CheckpointTest {

    private static final Path LLAMA = Path.of("src/test/resources/golden/models/llama");

    @TempDir private Path folder;
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
        return TrainOptions.defaults().withSteps(steps).withBatch(2, 1).withLearningRate(0.01);
    }

    private Trainer trainer(CausalLm model, TrainOptions options, String data) {
        return Trainer.of(model, new RandomRows(7, 384, 4, 20))
                .options(options)
                .checkpoints(CheckpointOptions.in(folder).every(2).data(data));
    }

    @ParameterizedTest
    @ValueSource(strings = {"adamw", "sgd", "plain sgd", "adafactor"})
    void everyOptimizerContinuesWithTheSameBits(String name) throws IOException {
        OptimizerFactory optimizer =
                switch (name) {
                    case "adamw" -> AdamW.Options.defaults();
                    case "sgd" -> new Sgd.Options(0.9, 0.1);
                    case "plain sgd" -> new Sgd.Options(0, 0);
                    default -> Adafactor.Options.defaults().withWeightDecay(0.1);
                };
        TrainOptions options = options(5).withOptimizer(optimizer);
        try (CausalLm model = base.copy();
                CausalLm other = base.copy()) {
            TrainResult whole = trainer(model, options, "d").run();
            TrainResult resumed =
                    trainer(other, options, "d").resume(folder.resolve("checkpoint-2"));
            assertThat(Snapshot.of(other).same(Snapshot.of(model))).isTrue();
            assertThat(resumed).isEqualTo(whole);
        }
    }

    @Test
    void aCheckpointOpensAsAModelFolder() throws IOException {
        try (CausalLm model = base.copy()) {
            trainer(model, options(3), "").run();
            try (CausalLm opened = Pretrained.load(folder.resolve("checkpoint-3"))) {
                assertThat(Snapshot.of(opened).same(Snapshot.of(model))).isTrue();
            }
        }
        assertThat(Checkpoints.list(folder)).hasSize(2);
        assertThat(Checkpoints.latest(folder)).contains(folder.resolve("checkpoint-3"));
    }

    @Test
    void everyDifferenceOfTheRunIsNamed() throws IOException {
        trainer(base.copy(), options(2), "a").run();
        Path saved = folder.resolve("checkpoint-2");
        Snapshot before = Snapshot.of(base);
        assertThatThrownBy(
                        () ->
                                trainer(
                                                base,
                                                options(4)
                                                        .withLearningRate(0.5)
                                                        .withOptimizer(new Sgd.Options(0.9, 0)),
                                                "b")
                                        .objective(new CrossEntropy(0.2))
                                        .freeze("lm_head")
                                        .resume(saved))
                .isInstanceOf(CheckpointException.class)
                .hasMessageContaining("learning_rate was 0.01 and is 0.5")
                .hasMessageContaining("max_steps was 2 and is 4")
                .hasMessageContaining("data was a and is b")
                .hasMessageContaining("labelSmoothing=0.2")
                .hasMessageContaining("trained parameters was")
                .hasMessageContaining("optim was Options[beta1=0.9");
        assertThat(Snapshot.of(base).same(before)).isTrue();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {"state.json", "model.safetensors", "optimizer.safetensors", "config.json"})
    void aFlippedBitOrAMissingFileIsRefusedByName(String file) throws IOException {
        trainer(base.copy(), options(2), "").run();
        Path saved = folder.resolve("checkpoint-2");
        byte[] bytes = Files.readAllBytes(saved.resolve(file));
        byte[] flipped = bytes.clone();
        flipped[bytes.length / 2] ^= 1;
        Files.write(saved.resolve(file), flipped);
        Snapshot before = Snapshot.of(base);
        assertRefused(saved, file);
        Files.write(saved.resolve(file), java.util.Arrays.copyOf(bytes, bytes.length - 1));
        assertRefused(saved, file);
        Files.write(saved.resolve(file), new byte[0]);
        assertRefused(saved, file);
        Files.delete(saved.resolve(file));
        assertRefused(saved, file);
        Files.write(saved.resolve(file), bytes);
        assertThat(Snapshot.of(base).same(before)).isTrue();
        assertThat(trainer(base, options(2), "").resume(saved).steps()).isEqualTo(2);
    }

    private void assertRefused(Path saved, String file) {
        assertThatThrownBy(() -> trainer(base, options(2), "").resume(saved))
                .isInstanceOf(CheckpointException.class)
                .hasMessageContaining(file);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {"[]", "1", "{\"format\":7}", "{\"format\":1,\"checksum\":\"x\"}", "{} {}"})
    void aForeignStateFileIsRefused(String text) throws IOException {
        Path foreign = Files.createDirectory(folder.resolve("checkpoint-9"));
        assertRefused(foreign, "has no state.json");
        Files.writeString(foreign.resolve("state.json"), text, StandardCharsets.UTF_8);
        assertRefused(foreign, "state.json");
        Files.writeString(foreign.resolve("state.json"), "[".repeat(100_000));
        assertRefused(foreign, "state.json");
        assertRefused(folder.resolve("checkpoint-10"), "checkpoint-10 is not a folder");
    }

    @Test
    void onlyTheNewestAreKeptAndLeftoversGo() throws IOException {
        Files.createDirectories(folder.resolve(".checkpoint-1-left").resolve("deep"));
        Trainer.of(base, new RandomRows(7, 384, 4, 20))
                .options(options(7))
                .checkpoints(CheckpointOptions.in(folder).every(1).keep(3))
                .run();
        try (var entries = Files.list(folder)) {
            assertThat(entries.map(p -> p.getFileName().toString()))
                    .containsExactlyInAnyOrder("checkpoint-5", "checkpoint-6", "checkpoint-7");
        }
        assertThatThrownBy(() -> trainer(base, options(2), "").run())
                .isInstanceOf(TrainingException.class)
                .hasMessageContaining("checkpoints of another run");
    }

    @Test
    void aSaveThatFailsStopsOrIsToldAndEarlierCheckpointsStay() throws IOException {
        for (OnSaveError reaction : OnSaveError.values()) {
            Path own = folder.resolve(reaction.name());
            Path away = folder.resolve(reaction.name() + "-away");
            try (CausalLm model = base.copy()) {
                Trainer trainer =
                        Trainer.of(model, new RandomRows(7, 384, 4, 20))
                                .options(options(6))
                                .checkpoints(
                                        CheckpointOptions.in(own).every(2).onSaveError(reaction))
                                .onStep(report -> blockSteps(own, away, report.step()));
                if (reaction == OnSaveError.STOP) {
                    assertThatThrownBy(trainer::run)
                            .isInstanceOf(TrainingException.class)
                            .hasMessageContaining("step 4: the checkpoint was not written")
                            .hasCauseInstanceOf(IOException.class);
                } else {
                    TrainResult result = trainer.run();
                    assertThat(result.steps()).isEqualTo(6);
                    assertThat(result.saveErrors()).hasSize(1);
                    assertThat(result.saveErrors().get(0)).contains("step 4");
                }
            }
            Path first = Files.isDirectory(own) ? own : away;
            try (CausalLm model = base.copy()) {
                TrainResult resumed =
                        Trainer.of(model, new RandomRows(7, 384, 4, 20))
                                .options(options(6))
                                .resume(first.resolve("checkpoint-2"));
                assertThat(resumed.steps()).isEqualTo(6);
            }
        }
    }

    /** Puts a file where the folder was while step 4 is saved. */
    private static void blockSteps(Path own, Path away, long step) {
        try {
            if (step == 4) {
                Files.move(own, away);
                Files.writeString(own, "in the way");
            } else if (step == 5) {
                Files.delete(own);
                Files.move(away, own);
            }
        } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }

    @Test
    void aCheckpointOfAnotherModelIsRefused() throws IOException {
        trainer(base.copy(), options(2), "").run();
        UnaryOperator<String> smaller =
                text -> text.replaceAll("\"intermediate_size\": \\d+", "\"intermediate_size\": 8");
        Path other = Files.createDirectory(folder.resolve("other"));
        String config = smaller.apply(Files.readString(LLAMA.resolve("config.json")));
        Files.writeString(other.resolve("config.json"), config);
        try (CausalLm model =
                CausalLm.random(
                        org.retain4j.core.model.ModelConfig.read(other.resolve("config.json")),
                        1,
                        org.retain4j.core.tensor.Device.CPU,
                        org.retain4j.core.tensor.Precision.F32)) {
            assertThatThrownBy(
                            () ->
                                    trainer(model, options(2), "")
                                            .resume(folder.resolve("checkpoint-2")))
                    .isInstanceOf(CheckpointException.class)
                    .hasMessageContaining("another model")
                    .hasMessageContaining("mlp");
        }
    }

    @Test
    void aBrokenStepLeavesTheLastCheckpointWhole() throws IOException {
        GradientProjection breaking =
                new GradientProjection() {
                    private int calls;

                    @Override
                    public void project(
                            List<org.retain4j.core.nn.Parameter> all, List<Tensor> gradients) {
                        if (++calls == 3) {
                            gradients.get(4).mulInPlace(Double.NaN);
                        }
                    }

                    @Override
                    public String toString() {
                        return "breaking";
                    }
                };
        try (CausalLm model = base.copy()) {
            String name = base.parameters().get(4).name();
            assertThatThrownBy(() -> trainer(model, options(4), "").project(breaking).run())
                    .isInstanceOf(TrainingException.class)
                    .hasMessageContaining("step 3")
                    .hasMessageContaining("gradient of " + name)
                    .hasMessageContaining("rows 4 to 5");
        }
        try (CausalLm model = base.copy()) {
            assertThat(
                            trainer(model, options(4), "")
                                    .project(breaking)
                                    .resume(folder.resolve("checkpoint-2"))
                                    .steps())
                    .isEqualTo(4);
        }
    }

    @Test
    void aTrainerRunsOnce() {
        Trainer trainer = Trainer.of(base, new RandomRows(7, 384, 4, 20)).options(options(1));
        trainer.run();
        assertThatIllegalStateException().isThrownBy(trainer::run).withMessageContaining("once");
    }

    @Test
    void nothingIsLeftOpen() throws IOException {
        long before = Scope.liveTensors();
        try (CausalLm model = base.copy()) {
            trainer(model, options(3), "").run();
            trainer(model, options(3), "").resume(folder.resolve("checkpoint-2"));
        }
        assertThat(Scope.liveTensors()).isEqualTo(before);
    }
}
