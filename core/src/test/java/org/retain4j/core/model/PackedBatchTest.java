package org.retain4j.core.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.retain4j.core.nn.Parameter;
import org.retain4j.core.tensor.Random;
import org.retain4j.core.tensor.Scope;
import org.retain4j.core.tensor.Tensor;

/** Sequences packed into one row give what each gives alone. */
class PackedBatchTest {

    private static final Path MODELS = Path.of("src/test/resources/golden/models");
    private static final int[] LENGTHS = {7, 23, 2, 31};
    private static final List<int[]> STARTS = List.of(new int[] {0, 7, 30}, new int[] {0});

    private static List<int[]> sequences() {
        List<int[]> sequences = new ArrayList<>();
        for (int length : LENGTHS) {
            Random random = Random.at(5, length, "packed");
            sequences.add(random.permutation(200));
            sequences.set(
                    sequences.size() - 1,
                    java.util.Arrays.copyOf(sequences.get(sequences.size() - 1), length));
        }
        return sequences;
    }

    private static int[] join(List<int[]> parts) {
        return parts.stream().flatMapToInt(java.util.Arrays::stream).toArray();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "llama",
                "llama3",
                "gpt2",
                "gpt_neox",
                "mistral",
                "gemma2",
                "gemma3",
                "qwen3",
                "phi3",
                "olmo2"
            })
    void packedRowsGiveTheStatesAndGradientsOfSingleSequences(String family) throws IOException {
        List<int[]> parts = sequences();
        TokenBatch packed =
                TokenBatch.packed(List.of(join(parts.subList(0, 3)), parts.get(3)), STARTS, 0);
        try (CausalLm model = Pretrained.load(MODELS.resolve(family));
                Scope scope = Scope.open()) {
            List<Parameter> trained = model.parameters();
            trained.forEach(parameter -> parameter.value().requiresGrad(true));
            int width = model.spec().hiddenSize();
            List<float[]> alone = new ArrayList<>();
            List<Tensor> slopes = new ArrayList<>();
            List<Tensor> sum = new ArrayList<>();
            for (int[] part : parts) {
                TrainingPass pass = TrainingPass.run(model, TokenBatch.of(part), trained, false);
                alone.add(pass.hidden().detach().toFloatArray());
                Tensor slope =
                        Random.at(1, part.length, "slope").normal(0.1, 1, part.length, width);
                slopes.add(slope);
                List<Tensor> gradients = pass.backward(slope);
                for (int i = 0; i < gradients.size(); i++) {
                    if (sum.size() <= i) {
                        sum.add(gradients.get(i).copy());
                    } else {
                        sum.get(i).addInPlace(gradients.get(i), 1);
                    }
                }
            }
            Tensor first = Tensor.cat(slopes.subList(0, 3), 1);
            Tensor second =
                    Tensor.cat(List.of(slopes.get(3), Tensor.zerosLike(first.narrow(1, 0, 1))), 1);
            Tensor slope = Tensor.cat(List.of(first, second), 0);
            for (boolean checkpointing : new boolean[] {false, true}) {
                TrainingPass pass = TrainingPass.run(model, packed, trained, checkpointing);
                Tensor states = pass.hidden().detach();
                int at = 0;
                for (int p = 0; p < 4; p++) {
                    Tensor own = states.select(0, p / 3).narrow(0, p == 3 ? 0 : at, LENGTHS[p]);
                    assertClose(own.toFloatArray(), alone.get(p), family + " sequence " + p);
                    at += LENGTHS[p];
                }
                List<Tensor> gradients = pass.backward(slope);
                for (int i = 0; i < trained.size(); i++) {
                    assertClose(
                            gradients.get(i).toFloatArray(),
                            sum.get(i).toFloatArray(),
                            family + " " + trained.get(i).name() + " " + checkpointing);
                }
            }
        }
    }

    private static void assertClose(float[] found, float[] expected, String what) {
        double scale = 1;
        double largest = 0;
        assertThat(found).hasSameSizeAs(expected);
        for (int i = 0; i < found.length; i++) {
            scale = Math.max(scale, Math.abs(expected[i]));
            largest = Math.max(largest, Math.abs((double) found[i] - expected[i]));
        }
        assertThat(largest / scale).as(what).isLessThan(1e-5);
    }

    @Test
    void positionsRestartAndSegmentsCount() {
        TokenBatch batch =
                TokenBatch.packed(
                        List.of(new int[] {1, 2, 3, 4, 5}, new int[] {6, 7}),
                        List.of(new int[] {0, 2}, new int[] {0}),
                        9);
        assertThat(batch.positions()).containsExactly(0, 1, 0, 1, 2, 0, 1, 0, 0, 0);
        assertThat(batch.segments()).containsExactly(0, 0, 1, 1, 1, 0, 0, -1, -1, -1);
        assertThat(batch.isPacked()).isTrue();
        assertThat(batch.extent()).isEqualTo(3);
        assertThat(
                        TokenBatch.packed(List.of(new int[] {1, 2}), List.of(new int[] {0}), 0)
                                .isPacked())
                .isFalse();
    }

    @Test
    void wrongStartsAreRefused() {
        for (int[] starts : new int[][] {{}, {1}, {0, 2, 2}, {0, 3}, {0, -1}}) {
            assertThatIllegalArgumentException()
                    .isThrownBy(
                            () ->
                                    TokenBatch.packed(
                                            List.of(new int[] {1, 2, 3}), List.of(starts), 0))
                    .withMessageContaining("start");
        }
    }
}
