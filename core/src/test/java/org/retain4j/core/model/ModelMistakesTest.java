package org.retain4j.core.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.retain4j.core.io.SafetensorsFile;
import org.retain4j.core.io.SafetensorsWriter;
import org.retain4j.core.io.TensorInfo;
import org.retain4j.core.io.TensorSpec;
import org.retain4j.core.nn.KvCache;
import org.retain4j.core.tensor.DType;
import org.retain4j.core.tensor.Device;
import org.retain4j.core.tensor.Precision;
import org.retain4j.core.tensor.Scope;
import org.retain4j.core.tensor.TensorEngine;

/** Broken model folders and wrong inputs are refused with a message that says what is wrong. */
class ModelMistakesTest {

    private static final Path LLAMA = Path.of("src/test/resources/golden/models/llama");
    private static final ObjectMapper JSON = new ObjectMapper();

    @TempDir Path folder;
    private long before;

    @BeforeEach
    void copy() throws IOException {
        for (String name :
                List.of(
                        "config.json",
                        "model.safetensors",
                        "tokenizer.json",
                        "tokenizer_config.json")) {
            Files.copy(LLAMA.resolve(name), folder.resolve(name));
        }
        TensorEngine.start();
        before = Scope.liveTensors();
    }

    @AfterEach
    void nothingIsLeft() {
        assertThat(Scope.liveTensors()).isEqualTo(before);
    }

    private void refuses(String... parts) {
        assertThatThrownBy(() -> Pretrained.load(folder).close())
                .isInstanceOf(IOException.class)
                .hasMessageContainingAll(parts);
    }

    private void config(Consumer<ObjectNode> change) throws IOException {
        Path file = folder.resolve("config.json");
        ObjectNode root = (ObjectNode) JSON.readTree(file.toFile());
        change.accept(root);
        JSON.writeValue(file.toFile(), root);
    }

    @Test
    void theFolderItselfIsFine() throws IOException {
        try (CausalLm model = Pretrained.load(folder)) {
            assertThat(model.parameters()).hasSize(21);
        }
    }

    @Test
    void missingPartsAreNamed() throws IOException {
        assertThatThrownBy(() -> Pretrained.load(folder.resolve("nowhere")))
                .isInstanceOf(ModelException.class)
                .hasMessageContainingAll("nowhere", "does not exist", "embedded:stories260K");
        assertThatThrownBy(() -> Pretrained.load("embedded:nothing"))
                .isInstanceOf(ModelException.class)
                .hasMessageContainingAll("embedded:nothing", "embedded:stories260K");
        Files.delete(folder.resolve("tokenizer.json"));
        refuses("tokenizer.json");
        Files.move(folder.resolve("model.safetensors"), folder.resolve("pytorch_model.bin"));
        refuses("pytorch_model.bin", "pickle");
        Files.delete(folder.resolve("pytorch_model.bin"));
        refuses("model.safetensors");
        Files.delete(folder.resolve("config.json"));
        refuses("config.json is missing");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "nonsense",
                "[]",
                "null",
                "3",
                "{",
                "{}{}",
                "{\"model_type\":\"llama\"",
                "{\"vocab_size\":1,\"vocab_size\":2}",
                "\u0000"
            })
    void configurationsThatAreNoObjectsAreRefused(String text) throws IOException {
        Files.writeString(folder.resolve("config.json"), text);
        refuses("config.json");
    }

    @Test
    void deeplyNestedAndVeryLargeConfigurationsAreRefused() throws IOException {
        Files.writeString(folder.resolve("config.json"), "{\"a\":".repeat(100_000));
        refuses("config.json");
        Files.write(folder.resolve("config.json"), new byte[(16 << 20) + 1]);
        refuses("config.json", "larger than 16 MB");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "model_type | \"gpt9\" | \"gpt9\" is not supported; supported are",
                "model_type | 3 | \"model_type\" must be a text, is 3",
                "model_type | null | has no \"model_type\"",
                "hidden_size | null | has no \"hidden_size\"",
                "hidden_size | 0 | must be a positive integer, is 0",
                "hidden_size | -48 | must be a positive integer, is -48",
                "hidden_size | 48.5 | must be a positive integer, is 48.5",
                "hidden_size | \"48\" | must be a positive integer, is \"48\"",
                "hidden_size | 99999999999 | must be a positive integer",
                "hidden_size | 96 | [384, 48] but config.json asks for [384, 96]",
                "vocab_size | 512 | has shape [384, 48] but config.json asks for [512, 48]",
                "vocab_size | 100 | tokenizer.json has 384 tokens",
                "intermediate_size | [] | must be a positive integer, is []",
                "num_hidden_layers | 3 | has no tensor model.layers.2.",
                "num_hidden_layers | 10000 | has no tensor model.layers.2.",
                "num_hidden_layers | 2147483647 | is not supported; expected at most 10000",
                "num_hidden_layers | 1 | tensor(s) that this model does not use, first model.layers.1.",
                "num_attention_heads | 5 | 5 is not a multiple of num_key_value_heads 2",
                "num_key_value_heads | 3 | 4 is not a multiple of num_key_value_heads 3",
                "head_dim | 13 | head_dim 13 is odd",
                "rms_norm_eps | \"tiny\" | must be a positive number, is \"tiny\"",
                "rms_norm_eps | 0 | must be a positive number, is 0",
                "attention_bias | \"no\" | must be true or false, is \"no\"",
                "attention_bias | true | has no tensor model.layers.0.self_attn.q_proj.bias",
                "mlp_bias | true | has no tensor model.layers.0.mlp.gate_proj.bias",
                "tie_word_embeddings | 1 | must be true or false, is 1",
                "hidden_act | \"gelu_10\" | \"hidden_act\": \"gelu_10\" is not supported",
                "hidden_act | 7 | \"hidden_act\" must be a text",
                "rope_scaling | {\"type\":\"linear\",\"factor\":2.0} | \"rope_scaling\"",
                "rope_scaling | {\"rope_type\":\"default\"} | there is also \"rope_parameters\"; keep one",
                "rope_parameters | {\"rope_type\":\"llama3\"} | it has no \"low_freq_factor\"",
                "rope_parameters | {\"factor\":8.0} | expected an object with a \"rope_type\"",
                "rope_scaling | \"linear\" | expected an object",
                "rope_parameters | {\"rope_type\":\"yarn\"} | it has no \"factor\"",
                "rope_parameters | {\"rope_theta\":\"big\"} | must be a positive number",
                "quantization_config | {\"bits\":4} | load a model in float32",
                "max_position_embeddings | 0 | must be a positive integer, is 0"
            })
    void wrongSettingsAreNamed(String key, String value, String message) throws IOException {
        config(
                root -> {
                    try {
                        root.set(key, JSON.readTree(value));
                    } catch (IOException e) {
                        throw new AssertionError(e);
                    }
                });
        refuses(message, folder.toString());
    }

    @Test
    void headsThatDoNotDivideTheWidthNeedAHeadDim() throws IOException {
        config(
                root ->
                        root.put("num_attention_heads", 7)
                                .putNull("num_key_value_heads")
                                .putNull("head_dim"));
        refuses("hidden_size 48 is not a multiple of num_attention_heads 7");
    }

    @Test
    void aTokenizerOfAnotherModelIsRefused() throws IOException {
        Path file = folder.resolve("tokenizer.json");
        ObjectNode root = (ObjectNode) JSON.readTree(file.toFile());
        ObjectNode vocabulary = (ObjectNode) root.get("model").get("vocab");
        vocabulary.put("zzzzzz", 384);
        JSON.writeValue(file.toFile(), root);
        refuses("tokenizer.json has 385 tokens", "vocab_size of 384", "another model");
    }

    @Test
    void wrongTensorsAreNamed() throws IOException {
        rewrite(specs -> specs.removeIf(s -> s.name().equals("model.norm.weight")));
        refuses("has no tensor model.norm.weight");
        rewrite(specs -> specs.add(TensorSpec.of("score.weight", DType.FLOAT32, 2, 48)));
        refuses("1 tensor(s) that this model does not use, first score.weight");
        rewrite(
                specs -> {
                    specs.removeIf(s -> s.name().equals("lm_head.weight"));
                    specs.add(TensorSpec.of("lm_head.weight", DType.FLOAT32, 48, 384));
                });
        refuses("lm_head.weight has shape [48, 384] but config.json asks for [384, 48]");
        rewrite(
                specs -> {
                    specs.removeIf(s -> s.name().equals("lm_head.weight"));
                    specs.add(TensorSpec.of("lm_head.weight", DType.INT8, 384, 48));
                });
        refuses("lm_head.weight is int8", "float32, float64, float16 or bfloat16");
        // buffers that old checkpoints carry are no parameters
        rewrite(
                specs ->
                        specs.add(
                                TensorSpec.of(
                                        "model.layers.0.self_attn.rotary_emb.inv_freq",
                                        DType.FLOAT32,
                                        6)));
        Pretrained.load(folder).close();
    }

    @ParameterizedTest
    @ValueSource(strings = {"FLOAT64", "FLOAT16", "BFLOAT16"})
    void otherFloatTypesAreReadAsFloat32(DType type) throws IOException {
        rewrite(
                specs -> {
                    specs.removeIf(s -> s.name().equals("model.norm.weight"));
                    specs.add(TensorSpec.of("model.norm.weight", type, 48));
                });
        try (CausalLm model = Pretrained.load(folder)) {
            assertThat(model.parameter("model.norm.weight").value().dtype())
                    .isEqualTo(DType.FLOAT32);
            assertThat(model.parameter("model.norm.weight").value().toFloatArray()).containsOnly(0);
        }
    }

    @Test
    void aTruncatedWeightFileIsRefused() throws IOException {
        Path file = folder.resolve("model.safetensors");
        byte[] bytes = Files.readAllBytes(file);
        for (int length : new int[] {0, 7, 100, bytes.length - 1}) {
            Files.write(file, java.util.Arrays.copyOf(bytes, length));
            refuses("model.safetensors");
        }
        Files.write(file, "not a tensor file at all".getBytes(StandardCharsets.UTF_8));
        refuses("model.safetensors");
    }

    /** Writes the weights of the golden model again with another list of tensors. */
    private void rewrite(Consumer<List<TensorSpec>> change) throws IOException {
        try (SafetensorsFile golden = SafetensorsFile.open(LLAMA.resolve("model.safetensors"))) {
            List<TensorSpec> specs =
                    new ArrayList<>(
                            golden.tensors().values().stream().map(TensorInfo::spec).toList());
            change.accept(specs);
            try (SafetensorsWriter writer =
                    SafetensorsWriter.create(
                            folder.resolve("model.safetensors"), specs, Map.of())) {
                for (TensorSpec spec : specs) {
                    ByteBuffer bytes = ByteBuffer.allocate((int) spec.byteCount());
                    TensorInfo info = golden.tensors().get(spec.name());
                    if (info != null && info.spec().equals(spec)) {
                        golden.read(spec.name(), 0, bytes);
                        bytes.flip();
                    }
                    writer.write(spec.name(), bytes);
                }
                writer.commit();
            }
        }
    }

    @Test
    void wrongBatchesAreRefused() throws IOException {
        assertThatThrownBy(() -> TokenBatch.of(List.of()))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("at least one token");
        assertThatThrownBy(() -> TokenBatch.of(new int[0]))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> TokenBatch.padded(List.of(new int[1], new int[0]), 0, true))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> TokenBatch.of(List.of(new int[1], new int[2])))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("TokenBatch.padded");
        try (CausalLm model = Pretrained.load(folder);
                Scope scope = Scope.open()) {
            for (int id : new int[] {-1, 384, Integer.MAX_VALUE, Integer.MIN_VALUE}) {
                TokenBatch batch = TokenBatch.of(List.of(new int[] {1, 2}, new int[] {3, id}));
                for (Runnable call :
                        List.<Runnable>of(
                                () -> model.logits(batch),
                                () -> model.tokenLogProbs(batch),
                                () -> TrainingPass.run(model, batch, model.parameters(), true))) {
                    assertThatThrownBy(call::run)
                            .isInstanceOf(IllegalArgumentException.class)
                            .hasMessageContainingAll(
                                    "token id " + id, "row 1, position 1", "vocabulary of 384");
                }
            }
            assertThatThrownBy(() -> model.logits(TokenBatch.of(new int[129])))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContainingAll("129", "128 positions", "max_position_embeddings");
            assertThatThrownBy(() -> model.parameter("model.norm.bias"))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("model.norm.bias");
        }
    }

    @Test
    void wrongUsesOfACacheAreRefused() throws IOException {
        try (CausalLm model = Pretrained.load(folder);
                Scope scope = Scope.open();
                KvCache cache = model.newCache(2, 5)) {
            assertThatThrownBy(() -> model.hidden(TokenBatch.of(1, 2), cache))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("the cache is for 2 row(s), the batch has 1");
            TokenBatch three = TokenBatch.of(List.of(new int[3], new int[3]));
            model.hidden(three, cache);
            assertThatThrownBy(() -> model.hidden(three, cache))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("holds 5 tokens a row and 3 are used");
            TokenBatch padded = TokenBatch.padded(List.of(new int[1], new int[2]), 0, true);
            assertThatThrownBy(() -> model.hidden(padded, cache))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("padding");
            assertThat(cache.position()).isEqualTo(3);
        }
    }

    @Test
    void aModelWithoutTokenizerSaysSo() throws IOException {
        ModelConfig config = ModelConfig.read(folder.resolve("config.json"));
        try (CausalLm model = CausalLm.random(config, 1, Device.CPU, Precision.F32)) {
            assertThatThrownBy(model::tokenizer)
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("without a tokenizer");
        }
        CausalLm closed = Pretrained.load(folder);
        closed.close();
        closed.close();
        try (Scope scope = Scope.open()) {
            assertThatThrownBy(() -> closed.logits(TokenBatch.of(1)))
                    .hasMessageContaining("closed");
        }
    }
}
