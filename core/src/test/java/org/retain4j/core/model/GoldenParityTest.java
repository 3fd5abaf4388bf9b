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
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.retain4j.core.generate.Generation;
import org.retain4j.core.generate.GenerationConfig;
import org.retain4j.core.generate.Generator;
import org.retain4j.core.generate.Sampling;
import org.retain4j.core.generate.StopReason;
import org.retain4j.core.io.SafetensorsFile;
import org.retain4j.core.io.TensorInfo;
import org.retain4j.core.nn.Parameter;
import org.retain4j.core.nn.Taps;
import org.retain4j.core.tensor.Autograd;
import org.retain4j.core.tensor.Scope;
import org.retain4j.core.tensor.Tensor;

/** The numbers of transformers on tiny random models; see golden/README.md for their origin. */
class GoldenParityTest {

    private static final Path MODELS = Path.of("src/test/resources/golden/models");
    private static final double TIGHT = 5e-5;

    static Stream<String> families() {
        return Stream.of(
                "llama",
                "llama3",
                "smollm2",
                "mistral",
                "qwen2",
                "qwen3",
                "gpt2",
                "gpt_neox",
                "gemma2",
                "gemma3",
                "phi3",
                "olmo2");
    }

    @ParameterizedTest
    @MethodSource("families")
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
    @MethodSource("families")
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
    @MethodSource("families")
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
                    // transformers 5 calls the head so in memory, and embed_out in files
                    String key = parameters.get(i).name().replace("embed_out", "lm_head");
                    double wanted = expected.get("grad_l2").get(key).asDouble();
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
    @MethodSource("families")
    void activationsAtEveryTapEqualTheReference(String name) throws IOException {
        JsonNode expected = expected(name);
        int[] ids = ints(expected.get("rows").get(0).get("ids"));
        int token = expected.get("mlp").get("token_index").asInt();
        try (CausalLm model = Pretrained.load(MODELS.resolve(name));
                SafetensorsFile arrays =
                        SafetensorsFile.open(MODELS.resolve(name).resolve("expected.safetensors"));
                Scope scope = Scope.open()) {
            DecoderSpec.Names names = model.spec().names();
            Map<String, Tensor> seen = new LinkedHashMap<>();
            Taps taps = new Taps();
            record(taps, scope, seen, names.embedding(), "hidden.embed", false);
            record(taps, scope, seen, names.norm(), "hidden.final_norm", false);
            JsonNode modules = expected.get("mlp").get("down_modules");
            for (int i = 0; i < modules.size(); i++) {
                String down = modules.get(i).asText();
                record(taps, scope, seen, model.spec().blockName(i), "hidden.layer" + i, false);
                record(taps, scope, seen, down, "mlp.layer" + i + ".down_in", true);
                record(taps, scope, seen, down, "mlp.layer" + i + ".down_out", false);
            }
            model.hidden(TokenBatch.of(ids), taps);
            Set<String> wanted = new TreeSet<>(arrays.tensors().keySet());
            wanted.removeIf(key -> !key.startsWith("hidden.") && !key.startsWith("mlp."));
            assertThat(seen.keySet()).containsExactlyInAnyOrderElementsOf(wanted);
            for (Map.Entry<String, Tensor> entry : seen.entrySet()) {
                Tensor found = entry.getValue();
                if (entry.getKey().startsWith("mlp.")) {
                    found = found.select(1, token);
                }
                assertClose(found.toFloatArray(), floats(arrays, entry.getKey()), TIGHT);
            }
        }
    }

    private static void record(
            Taps taps,
            Scope scope,
            Map<String, Tensor> seen,
            String module,
            String key,
            boolean input) {
        UnaryOperator<Tensor> tap =
                x -> {
                    seen.put(key, scope.adopt(x.copy()));
                    return x;
                };
        if (input) {
            taps.onInput(module, tap);
        } else {
            taps.onOutput(module, tap);
        }
    }

    @ParameterizedTest
    @MethodSource("families")
    void generatedIdsAndTextEqualTheReference(String name) throws IOException {
        JsonNode generation = expected(name).get("generation");
        try (CausalLm model = Pretrained.load(MODELS.resolve(name))) {
            Generator generator = new Generator(model, Sampling.greedy());
            assertThat(generation.get("cases")).isNotEmpty();
            for (JsonNode one : generation.get("cases")) {
                GenerationConfig config =
                        GenerationConfig.of(generation.get("max_new_tokens").asInt())
                                .withSampling(
                                        Sampling.greedy()
                                                .withRepetitionPenalty(
                                                        one.get("repetition_penalty").asDouble()));
                Generation found =
                        generator.run(List.of(ints(one.get("prompt_ids"))), config).get(0);
                assertThat(found.ids()).isEqualTo(ints(one.get("new_ids")));
                assertThat(found.text()).isEqualTo(one.get("new_text").asText());
                assertThat(found.reason()).isEqualTo(StopReason.LENGTH);
            }
        }
    }

    @ParameterizedTest
    @MethodSource("families")
    void aLeftPaddedBatchStopsEachRowAsTheReference(String name) throws IOException {
        JsonNode expected = expected(name).get("generation").get("left_padded_batch_with_stop");
        int end = expected.get("eos_token_id").asInt();
        try (CausalLm model = Pretrained.load(MODELS.resolve(name))) {
            List<int[]> prompts = new ArrayList<>();
            for (int r = 0; r < expected.get("input_ids").size(); r++) {
                int[] ids = ints(expected.get("input_ids").get(r));
                int real = Arrays.stream(ints(expected.get("attention_mask").get(r))).sum();
                prompts.add(Arrays.copyOfRange(ids, ids.length - real, ids.length));
            }
            GenerationConfig config =
                    GenerationConfig.of(expected.get("max_new_tokens").asInt())
                            .withStopIds(Set.of(end));
            List<Generation> found = new Generator(model, Sampling.greedy()).run(prompts, config);
            for (int r = 0; r < prompts.size(); r++) {
                int[] wanted = ints(expected.get("new_ids_padded").get(r));
                int stop = Arrays.stream(wanted).boxed().toList().indexOf(end);
                assertThat(found.get(r).ids())
                        .isEqualTo(stop < 0 ? wanted : Arrays.copyOf(wanted, stop + 1));
                assertThat(found.get(r).reason())
                        .isEqualTo(stop < 0 ? StopReason.LENGTH : StopReason.EOS);
            }
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"llama-bf16", "llama-f16"})
    void halfPrecisionWeightsWidenedToFloat32GiveTheReferenceLogits(String name)
            throws IOException {
        int[] ids = ints(expected("llama").get("rows").get(0).get("ids"));
        try (CausalLm model = Pretrained.load(MODELS.resolve(name));
                SafetensorsFile arrays =
                        SafetensorsFile.open(MODELS.resolve(name).resolve("expected.safetensors"));
                Scope scope = Scope.open()) {
            assertClose(
                    model.logits(TokenBatch.of(ids)).toFloatArray(),
                    floats(arrays, "logits_upcast_f32.row0"),
                    TIGHT);
        }
    }

    @Test
    void aShardedFolderHasTheWeightsOfTheSingleFile() throws IOException {
        try (CausalLm single = Pretrained.load(MODELS.resolve("llama"));
                CausalLm sharded = Pretrained.load(MODELS.resolve("llama-sharded"));
                Scope scope = Scope.open()) {
            assertThat(sharded.parameters()).hasSameSizeAs(single.parameters());
            for (Parameter parameter : single.parameters()) {
                assertThat(sharded.parameter(parameter.name()).value().toFloatArray())
                        .isEqualTo(parameter.value().toFloatArray());
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
