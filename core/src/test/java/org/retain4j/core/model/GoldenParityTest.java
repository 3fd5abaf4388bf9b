package org.retain4j.core.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.retain4j.core.io.SafetensorsFile;
import org.retain4j.core.io.TensorInfo;
import org.retain4j.core.nn.Parameter;
import org.retain4j.core.tensor.Autograd;
import org.retain4j.core.tensor.Scope;
import org.retain4j.core.tensor.Tensor;

/** The numbers of transformers on tiny random models; see golden/README.md for their origin. */
class GoldenParityTest {

    private static final Path MODELS = Path.of("src/test/resources/golden/models");
    private static final double TIGHT = 5e-5;

    @ParameterizedTest
    @ValueSource(strings = {"llama", "smollm2"})
    void logitsAndLogProbsOfEachRowEqualTheReference(String name) throws IOException {
        JsonNode expected = expected(name);
        try (CausalLm model = Pretrained.load(MODELS.resolve(name));
                SafetensorsFile arrays =
                        SafetensorsFile.open(
                                MODELS.resolve(name).resolve("expected.safetensors"))) {
            for (int row = 0; row < expected.get("rows").size(); row++) {
                int[] ids = ints(expected.get("rows").get(row).get("ids"));
                TokenBatch batch = TokenBatch.of(ids);
                float[] reference = floats(arrays, "logits.row" + row);
                try (Scope scope = Scope.open()) {
                    assertClose(model.logits(batch).toFloatArray(), reference, TIGHT);
                }
                double[] logProbs = model.tokenLogProbs(batch)[0];
                float[] referenceLogProbs = floats(arrays, "logprobs.row" + row);
                assertThat(referenceLogProbs).hasSize(ids.length - 1);
                for (int i = 0; i < referenceLogProbs.length; i++) {
                    assertThat(logProbs[i + 1]).isCloseTo(referenceLogProbs[i], within(1e-4));
                }
            }
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"llama", "smollm2"})
    void tokenizerGivesTheReferenceIds(String name) throws IOException {
        JsonNode expected = expected(name);
        try (CausalLm model = Pretrained.load(MODELS.resolve(name))) {
            for (JsonNode row : expected.get("rows")) {
                assertThat(model.tokenizer().encode(row.get("text").asText()))
                        .isEqualTo(ints(row.get("ids")));
            }
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"llama", "smollm2"})
    void lossAndGradientsOfAPaddedBatchEqualTheReference(String name) throws IOException {
        JsonNode expected = expected(name);
        try (CausalLm model = Pretrained.load(MODELS.resolve(name));
                Scope scope = Scope.open()) {
            List<Parameter> parameters = model.parameters();
            parameters.forEach(p -> p.value().requiresGrad(true));
            for (boolean left : new boolean[] {false, true}) {
                JsonNode rows = expected.get(left ? "batch_left_padded" : "batch_right_padded");
                Tensor loss;
                List<Tensor> gradients;
                try (Autograd.Mode mode = Autograd.enableGrad()) {
                    loss = loss(model, batch(rows, left), rows.get("labels"));
                    gradients = Autograd.grad(loss, Parameter.values(parameters));
                }
                double reference =
                        expected.get("loss").get(left ? "left_padded_value" : "value").asDouble();
                assertThat(loss.item()).isCloseTo(reference, within(1e-5));
                double square = 0;
                for (int i = 0; i < gradients.size(); i++) {
                    double norm = gradients.get(i).norm().item();
                    double wanted =
                            expected.get("grad_l2").get(parameters.get(i).name()).asDouble();
                    assertThat(norm)
                            .as(parameters.get(i).name())
                            .isCloseTo(wanted, within(1e-4 * wanted));
                    square += norm * norm;
                }
                double global = expected.get("grad_l2_global").asDouble();
                assertThat(Math.sqrt(square)).isCloseTo(global, within(1e-4 * global));
                assertThat(gradients).hasSize(expected.get("grad_l2").size());
            }
        }
    }

    @ParameterizedTest
    @ValueSource(strings = "llama")
    void everyElementOfTheGradientsEqualsTheReference(String name) throws IOException {
        JsonNode rows = expected(name).get("batch_right_padded");
        try (CausalLm model = Pretrained.load(MODELS.resolve(name));
                SafetensorsFile arrays =
                        SafetensorsFile.open(
                                MODELS.resolve(name).resolve("expected_grads.safetensors"));
                Scope scope = Scope.open()) {
            List<Parameter> parameters = model.parameters();
            assertThat(arrays.tensors()).hasSameSizeAs(parameters);
            parameters.forEach(p -> p.value().requiresGrad(true));
            List<Tensor> gradients;
            try (Autograd.Mode mode = Autograd.enableGrad()) {
                gradients =
                        Autograd.grad(
                                loss(model, batch(rows, false), rows.get("labels")),
                                Parameter.values(parameters));
            }
            for (int i = 0; i < gradients.size(); i++) {
                assertClose(
                        gradients.get(i).toFloatArray(),
                        floats(arrays, parameters.get(i).name()),
                        1e-4);
            }
        }
    }

    /** Mean of -log p over counted labels, written out with plain operators. */
    private static Tensor loss(CausalLm model, TokenBatch batch, JsonNode labels) {
        long columns = batch.tokens();
        List<Tensor> picked = new ArrayList<>();
        Tensor logProbs = model.logits(batch).logSoftmax(-1);
        for (int r = 0; r < batch.rows(); r++) {
            for (int t = 1; t < columns; t++) {
                int label = labels.get(r).get(t).asInt();
                if (label >= 0) {
                    picked.add(logProbs.select(0, r).select(0, t - 1L).select(0, label));
                }
            }
        }
        return Tensor.stack(picked, 0).mean().neg();
    }

    private static TokenBatch batch(JsonNode rows, boolean left) {
        List<int[]> sequences = new ArrayList<>();
        int pad = 0;
        for (int r = 0; r < rows.get("input_ids").size(); r++) {
            int[] ids = ints(rows.get("input_ids").get(r));
            int[] mask = ints(rows.get("attention_mask").get(r));
            List<Integer> kept = new ArrayList<>();
            for (int t = 0; t < ids.length; t++) {
                if (mask[t] == 1) {
                    kept.add(ids[t]);
                } else {
                    pad = ids[t];
                }
            }
            sequences.add(kept.stream().mapToInt(Integer::intValue).toArray());
        }
        return TokenBatch.padded(sequences, pad, left);
    }

    private static void assertClose(float[] actual, float[] expected, double tolerance) {
        assertThat(actual).hasSameSizeAs(expected);
        double square = 0;
        for (float value : expected) {
            square += (double) value * value;
        }
        double limit = tolerance * Math.max(1, Math.sqrt(square / expected.length));
        for (int i = 0; i < actual.length; i++) {
            assertThat((double) actual[i])
                    .as("element %d", i)
                    .isCloseTo(expected[i], within(limit));
        }
    }

    private static JsonNode expected(String name) throws IOException {
        return new ObjectMapper().readTree(MODELS.resolve(name).resolve("expected.json").toFile());
    }

    private static int[] ints(JsonNode array) {
        int[] values = new int[array.size()];
        for (int i = 0; i < values.length; i++) {
            values[i] = array.get(i).asInt();
        }
        return values;
    }

    private static float[] floats(SafetensorsFile file, String name) throws IOException {
        TensorInfo info = file.tensor(name);
        ByteBuffer bytes =
                ByteBuffer.allocate((int) info.byteCount()).order(ByteOrder.LITTLE_ENDIAN);
        file.read(name, 0, bytes);
        float[] values = new float[bytes.flip().remaining() / Float.BYTES];
        bytes.asFloatBuffer().get(values);
        return values;
    }
}
