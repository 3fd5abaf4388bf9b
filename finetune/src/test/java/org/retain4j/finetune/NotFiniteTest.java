package org.retain4j.finetune;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.retain4j.core.model.CausalLm;
import org.retain4j.core.model.Pretrained;
import org.retain4j.core.nn.Parameter;
import org.retain4j.core.tensor.Kernels;
import org.retain4j.core.tensor.Tensor;
import org.retain4j.finetune.checkpoint.CheckpointOptions;
import org.retain4j.finetune.checkpoint.Checkpoints;
import org.retain4j.finetune.optim.Sgd;

/** A run that goes wrong in a later step stops there, says where, and leaves its checkpoints. */
class NotFiniteTest {

    private static final Path LLAMA = Path.of("src/test/resources/golden/models/llama");
    private static final int BROKEN_STEP = 3;

    @TempDir private Path folder;
    private CausalLm model;

    @BeforeEach
    void load() throws IOException {
        model = Pretrained.load(LLAMA);
    }

    @AfterEach
    void close() {
        model.close();
    }

    private Trainer trainer(Objective objective) {
        return Trainer.of(model, new RandomRows(7, 384, 4, 20))
                .options(
                        TrainOptions.defaults()
                                .withSteps(5)
                                .withBatch(2, 2)
                                .withLearningRate(0.01)
                                .withOptimizer(new Sgd.Options(0.9, 0)))
                .objective(objective)
                .checkpoints(CheckpointOptions.in(folder).every(1));
    }

    /** Cross-entropy whose loss or gradient is spoilt in one step. */
    private static final class Spoilt implements Objective {
        private final double lossFactor;
        private final double gradientFactor;
        private int passes;

        Spoilt(double lossFactor, double gradientFactor) {
            this.lossFactor = lossFactor;
            this.gradientFactor = gradientFactor;
        }

        @Override
        public Tensor accumulate(LogitChunk chunk) {
            Tensor loss = new CrossEntropy().accumulate(chunk);
            passes++;
            // two passes a step, each of one chunk
            if (passes == 2 * BROKEN_STEP) {
                loss.mulInPlace(lossFactor);
                chunk.gradient().mulInPlace(gradientFactor);
            }
            return loss;
        }

        @Override
        public String toString() {
            return "Spoilt";
        }
    }

    @ParameterizedTest
    @ValueSource(doubles = {Double.NaN, Double.POSITIVE_INFINITY})
    void aLossThatIsNotFiniteWithFiniteWeights(double factor) throws IOException {
        assertStops(
                new Spoilt(factor, 1),
                "step 3: the loss is " + factor,
                "although all weights and the states of rows 8 to 11 are finite");
    }

    @ParameterizedTest
    @ValueSource(doubles = {Double.NaN, Double.POSITIVE_INFINITY})
    void aGradientThatIsNotFiniteWithAFiniteLoss(double factor) throws IOException {
        assertStops(
                new Spoilt(1, factor),
                "step 3: the gradient of model.embed_tokens.weight is not finite",
                "although all weights and the states of rows 8 to 11 are finite");
    }

    private void assertStops(Objective objective, String what, String where) throws IOException {
        assertThatThrownBy(() -> trainer(objective).run())
                .isInstanceOf(TrainingException.class)
                .hasMessageContaining(what)
                .hasMessageContaining(where);
        assertLastCheckpointGoesOn(2);
    }

    /** The checkpoint before leads to where a run that never went wrong comes. */
    private void assertLastCheckpointGoesOn(int step) throws IOException {
        Path last = Checkpoints.latest(folder).orElseThrow();
        assertThat(last).hasFileName("checkpoint-" + step);
        model.close();
        load();
        trainer(new Spoilt(1, 1)).resume(last);
        Snapshot resumed = Snapshot.of(model);
        model.close();
        load();
        Trainer.of(model, new RandomRows(7, 384, 4, 20))
                .options(
                        TrainOptions.defaults()
                                .withSteps(5)
                                .withBatch(2, 2)
                                .withLearningRate(0.01)
                                .withOptimizer(new Sgd.Options(0.9, 0)))
                .objective(new Spoilt(1, 1))
                .run();
        assertThat(resumed.same(Snapshot.of(model))).isTrue();
    }

    /** A weight broken by the update itself must not reach a checkpoint. */
    @Test
    void aWeightThatTheUpdateBrokeIsNotSaved() throws IOException {
        GradientProjection breaking =
                new GradientProjection() {
                    private int steps;

                    @Override
                    public void project(List<Parameter> parameters, List<Tensor> gradients) {}

                    @Override
                    public boolean projectsUpdates() {
                        return true;
                    }

                    @Override
                    public void projectUpdate(List<Parameter> parameters, List<Tensor> before) {
                        steps++;
                        if (steps == BROKEN_STEP) {
                            Kernels.call(
                                    "list_mul_scalar_",
                                    List.of(parameters.get(1).value().detach()),
                                    Double.NaN);
                        }
                    }
                };
        String broken = model.parameters().get(1).name();
        assertThatThrownBy(() -> trainer(new Spoilt(1, 1)).project(breaking).run())
                .isInstanceOf(TrainingException.class)
                .hasMessageContaining("step 3: the weight " + broken)
                .hasMessageContaining("not saved");
        assertThat(Checkpoints.latest(folder).orElseThrow()).hasFileName("checkpoint-2");
    }

    @Test
    void aLearningRateOutsideTheUsualRangeIsTold() {
        TrainOptions adam = TrainOptions.defaults();
        assertThat(adam.warnings()).isEmpty();
        assertThat(adam.withLearningRate(0.5).warnings())
                .singleElement()
                .asString()
                .contains("learning_rate is 0.5", "1.0E-7 to 0.01", "may diverge");
        assertThat(adam.withLearningRate(0).warnings())
                .singleElement()
                .asString()
                .contains("may learn nothing");
        assertThat(adam.withOptimizer(new Sgd.Options(0.9, 0)).withLearningRate(0.5).warnings())
                .isEmpty();
    }
}
