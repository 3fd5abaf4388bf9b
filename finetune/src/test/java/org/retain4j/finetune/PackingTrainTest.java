package org.retain4j.finetune;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.retain4j.core.model.CausalLm;
import org.retain4j.core.model.Pretrained;
import org.retain4j.core.tensor.Scope;
import org.retain4j.core.tensor.Tensor;

/** Packed rows train as their examples do. */
class PackingTrainTest {

    private static final Path LLAMA = Path.of("src/test/resources/golden/models/llama");

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void lossAndGradientsAreThoseOfTheExamples(boolean checkpointing) throws IOException {
        List<TrainRow> examples = new RandomRows(4, 384, 3, 25).rows(0, 6);
        List<TrainRow> packed =
                List.of(
                        TrainRow.packed(examples.subList(0, 4)),
                        TrainRow.packed(examples.subList(4, 6)));
        double weight = examples.stream().mapToDouble(TrainRow::totalWeight).sum();
        try (CausalLm model = Pretrained.load(LLAMA);
                CausalLm teacher = model.copy();
                Scope scope = Scope.open()) {
            model.parameters().forEach(p -> p.value().requiresGrad(true));
            LossGradient task =
                    new LossGradient(
                            model,
                            model.parameters(),
                            new CrossEntropy(0.1),
                            List.of(new Mimic(teacher)),
                            checkpointing,
                            16);
            LossGradient.Result apart = task.of(examples, weight);
            LossGradient.Result together = task.of(packed, weight);
            assertThat(together.loss()).isCloseTo(apart.loss(), within(1e-5));
            assertThat(together.distillation()).isCloseTo(apart.distillation(), within(1e-4));
            assertThat(apart.distillation()).isNotZero();
            for (int i = 0; i < apart.gradients().size(); i++) {
                float[] a = apart.gradients().get(i).toFloatArray();
                float[] b = together.gradients().get(i).toFloatArray();
                for (int j = 0; j < a.length; j++) {
                    assertThat(b[j]).isCloseTo(a[j], within(1e-5f));
                }
            }
        }
    }

    /** Adds up the teacher's scores, weighted: any wrong position shows. */
    private record Mimic(CausalLm teacher) implements Distillation {
        @Override
        public Tensor accumulate(LogitChunk chunk, Tensor teacherLogits) {
            Tensor weights = chunk.weights().reshape(-1, 1);
            return teacherLogits.abs().mul(weights).sum();
        }
    }

    @Test
    void noiseOnEmbeddingsIsTheSameInEveryRunAndNeedsItsStrength() throws IOException {
        TrainOptions plain =
                TrainOptions.defaults().withSteps(3).withBatch(2, 1).withLearningRate(0.01);
        TrainOptions noisy = plain.withNeftuneNoiseAlpha(5);
        Snapshot first = train(noisy);
        assertThat(train(noisy).same(first)).isTrue();
        assertThat(train(noisy.withGradientCheckpointing(true)).distance(first)).isLessThan(1e-4);
        assertThat(train(noisy.withBatch(1, 2)).distance(first)).isLessThan(1e-4);
        assertThat(train(noisy.withSeed(1)).distance(first)).isGreaterThan(1e-3);
        assertThat(train(plain).distance(first)).isGreaterThan(1e-3);
    }

    private static Snapshot train(TrainOptions options) throws IOException {
        try (CausalLm model = Pretrained.load(LLAMA)) {
            Trainer.of(model, new RandomRows(4, 384, 3, 25)).options(options).run();
            return Snapshot.of(model);
        }
    }
}
