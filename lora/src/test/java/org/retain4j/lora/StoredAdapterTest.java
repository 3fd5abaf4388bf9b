package org.retain4j.lora;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.retain4j.core.io.SafetensorsFile;
import org.retain4j.core.io.SafetensorsWriter;
import org.retain4j.core.io.TensorInfo;
import org.retain4j.core.model.CausalLm;

/** Damaged and strange adapters get one clear error each. */
class StoredAdapterTest {

    private static final Path PLAIN = Golden.LORA.resolve("plain");
    private static final String A =
            "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight";
    private static final ObjectMapper JSON = new ObjectMapper();

    @TempDir Path folder;

    static Map<String, ?> modules(Path folder) throws LoraException {
        try (StoredAdapter stored = StoredAdapter.open(folder)) {
            return new LinkedHashMap<>(stored.modules());
        }
    }

    private void copy(Path from) throws IOException {
        for (String name : List.of(ConfigFile.NAME, StoredAdapter.WEIGHTS)) {
            Files.write(folder.resolve(name), Files.readAllBytes(from.resolve(name)));
        }
    }

    private void set(String key, String json) throws IOException {
        Path file = folder.resolve(ConfigFile.NAME);
        ObjectNode root = (ObjectNode) JSON.readTree(file.toFile());
        root.set(key, JSON.readTree(json));
        JSON.writeValue(file.toFile(), root);
    }

    /** Writes the weights anew with names and shapes changed; null leaves a tensor out. */
    private void rewrite(UnaryOperator<TensorInfo> change) throws IOException {
        Path file = folder.resolve(StoredAdapter.WEIGHTS);
        Map<TensorInfo, byte[]> all = new LinkedHashMap<>();
        try (SafetensorsFile old = SafetensorsFile.open(file)) {
            for (TensorInfo info : old.tensors().values()) {
                byte[] bytes = new byte[(int) info.byteCount()];
                old.read(info.name(), 0, ByteBuffer.wrap(bytes));
                TensorInfo changed = change.apply(info);
                if (changed != null) {
                    all.put(changed, bytes);
                }
            }
        }
        try (SafetensorsWriter writer =
                SafetensorsWriter.create(
                        file,
                        all.keySet().stream().map(TensorInfo::spec).toList(),
                        Map.of("format", "pt"))) {
            for (Map.Entry<TensorInfo, byte[]> entry : all.entrySet()) {
                writer.write(entry.getKey().name(), ByteBuffer.wrap(entry.getValue()));
            }
            writer.commit();
        }
    }

    private void refuses(String... parts) throws IOException {
        try (CausalLm model = Golden.llama()) {
            assertThatThrownBy(() -> Lora.load(model, folder))
                    .isInstanceOf(LoraException.class)
                    .hasMessageContainingAll(parts)
                    .satisfies(e -> assertThat(e.getMessage()).hasSizeLessThan(1000));
            assertThat(model.isAdapted()).isFalse();
            assertThat(model.trainable()).isEqualTo(model.parameters());
        }
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "peft_type|\"IA3\"|must be \"LORA\"",
                "r|0|r must be at least 1",
                "r|-3|r must be at least 1",
                "r|2000000000|rank 4",
                "r|4.5|must be an integer",
                "r|5|has rank 4",
                "lora_alpha|\"x\"|must be a number",
                "lora_dropout|1.5|from 0 to below 1",
                "target_modules|[\"nothing\"]|fit no module",
                "target_modules|[\"q_proj\",\"k_proj\",\"v_proj\"]|holds no weights of",
                "target_modules|[\"q_proj\"]|leave out",
                "target_modules|[1]|a list of names",
                "target_modules|\"(\"|no regular expression",
                "target_modules|\"(.*.*.*.*.*.*.*.*.*.*)*x\"|takes too long",
                "use_dora|true|lora_magnitude_vector",
                "use_dora|1|true or false",
                "bias|\"some\"|none, all or lora_only",
                "modules_to_save|[\"lm_head\"]|holds no lm_head.weight",
                "modules_to_save|[\"nowhere\"]|nowhere",
                "trainable_token_indices|[1]|no trained rows",
                "trainable_token_indices|[-1]|-1",
                "trainable_token_indices|[1,1]|given twice",
                "use_qalora|true|not supported",
                "lora_bias|true|not supported",
                "layer_replication|[[0,1]]|not supported",
                "init_lora_weights|\"loftq\"|not supported",
                "init_lora_weights|\"corda\"|changes the base",
                "init_lora_weights|3|init_lora_weights",
                "rank_pattern|{\"q_proj\":0}|rank_pattern of q_proj",
                "rank_pattern|[]|an object",
            })
    void configurationsThatCannotBeMeant(String key, String json, String part) throws IOException {
        copy(PLAIN);
        set(key, json);
        refuses(part);
    }

    @Test
    void unknownKeysAreIgnoredAndOldFilesNeedOnlyTwo() throws IOException {
        copy(PLAIN);
        set("some_new_feature", "{\"deep\": [1, 2]}");
        try (CausalLm model = Golden.llama();
                Lora lora = Lora.load(model, folder)) {
            assertThat(lora.parameters()).hasSize(8);
        }
        Files.writeString(
                folder.resolve(ConfigFile.NAME),
                "{\"peft_type\":\"LORA\",\"target_modules\":[\"q_proj\",\"v_proj\"],\"r\":4}");
        try (CausalLm model = Golden.llama();
                Lora lora = Lora.load(model, folder)) {
            assertThat(lora.config("default").scaleOf("model.layers.0.self_attn.q_proj"))
                    .isEqualTo(2);
        }
    }

    @Test
    void aMissingHalfIsNamed() throws IOException {
        copy(PLAIN);
        rewrite(info -> info.name().equals(A.replace("_A", "_B")) ? null : info);
        refuses(A.replace("_A", "_B"), "is missing");
    }

    @Test
    void shapesAreComparedWithTheModelAndWithEachOther() throws IOException {
        copy(PLAIN);
        rewrite(i -> i.name().equals(A) ? shaped(i, 48L, 4L) : i);
        refuses("[48, 4]", "[48, 4]", "expected [r, in] and [out, r]");
        copy(Golden.LORA.resolve("layers_to_transform"));
        set("layers_to_transform", "null");
        rewrite(i -> named(i, i.name().replace("layers.2", "layers.1")));
        refuses("v_proj", "[24, 48]", "[4, 48]", "[16, 4]", "another model");
    }

    private static TensorInfo shaped(TensorInfo info, Long... shape) {
        return new TensorInfo(
                info.name(), info.dtype(), List.of(shape), info.begin(), info.byteCount());
    }

    private static TensorInfo named(TensorInfo info, String name) {
        return new TensorInfo(name, info.dtype(), info.shape(), info.begin(), info.byteCount());
    }

    @Test
    void strangeTensorsAreRefused() throws IOException {
        copy(PLAIN);
        rewrite(i -> i.name().equals(A) ? named(i, "q_proj.lora_A.weight") : i);
        refuses("does not begin with base_model.model.");
        copy(PLAIN);
        rewrite(i -> named(i, i.name().replace("layers.0", "layers.7")));
        refuses("model.layers.7", "does not have");
        copy(PLAIN);
        rewrite(i -> i.name().equals(A) ? named(i, A.replace("lora_A.weight", "lora_A.bias")) : i);
        refuses("not supported");
        copy(Golden.LORA.resolve("modules_to_save"));
        rewrite(
                i ->
                        i.name().endsWith("lm_head.weight")
                                ? named(i, "base_model.model.score.weight")
                                : i);
        set("modules_to_save", "null");
        refuses("score.weight", "no parameter of this model");
    }

    @ParameterizedTest
    @ValueSource(floats = {Float.NaN, Float.POSITIVE_INFINITY})
    void numbersThatAreNoneAreRefused(float bad) throws IOException {
        copy(PLAIN);
        Path file = folder.resolve(StoredAdapter.WEIGHTS);
        byte[] bytes = Files.readAllBytes(file);
        ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).putFloat(bytes.length - 8, bad);
        Files.write(file, bytes);
        refuses("v_proj", "NaN or infinite");
    }

    @Test
    void damagedFilesAreRefused() throws IOException {
        refuses("adapter_config.json", "missing");
        copy(PLAIN);
        Path weights = folder.resolve(StoredAdapter.WEIGHTS);
        byte[] bytes = Files.readAllBytes(weights);
        Files.write(weights, Arrays.copyOf(bytes, bytes.length - 100));
        refuses("adapter_model.safetensors");
        Files.delete(weights);
        refuses("adapter_model.safetensors", "does not exist");
        Files.write(folder.resolve("adapter_model.bin"), new byte[] {1});
        refuses("pickle");
        copy(PLAIN);
        Files.writeString(folder.resolve(ConfigFile.NAME), "{\"r\": 4,\n \"r\": 8}");
        refuses("not valid JSON");
        Files.writeString(folder.resolve(ConfigFile.NAME), "[1]");
        refuses("not a JSON object");
        try (CausalLm model = Golden.llama()) {
            assertThatThrownBy(() -> Lora.load(model, folder.resolve("no")))
                    .isInstanceOf(LoraException.class)
                    .hasMessageContaining("does not exist");
        }
    }

    @Test
    void namesOfAdaptersCannotLeaveTheFolder() throws IOException {
        try (CausalLm model = Golden.llama();
                Lora lora = Lora.attach(model, LoraConfig.rank(2))) {
            for (String name :
                    List.of("..", "../x", "a/b", "/etc", "", ".hidden", "a\u0000b", "a..b", "ü")) {
                assertThatThrownBy(() -> lora.add(name, LoraConfig.rank(2), 0, null))
                        .isInstanceOf(IllegalArgumentException.class)
                        .hasMessageContaining("cannot be the name of a folder");
            }
        }
    }

    @Test
    void changedBytesNeverCrash() throws IOException {
        copy(PLAIN);
        byte[] config = Files.readAllBytes(folder.resolve(ConfigFile.NAME));
        byte[] weights = Files.readAllBytes(folder.resolve(StoredAdapter.WEIGHTS));
        Random random = new Random(5);
        try (CausalLm model = Golden.llama()) {
            for (int i = 0; i < 400; i++) {
                byte[] own = (i % 2 == 0 ? config : weights).clone();
                int limit = i % 2 == 0 ? own.length : 1100;
                for (int k = 0; k <= random.nextInt(3); k++) {
                    own[random.nextInt(limit)] = (byte) random.nextInt(256);
                }
                Files.write(folder.resolve(ConfigFile.NAME), i % 2 == 0 ? own : config);
                Files.write(folder.resolve(StoredAdapter.WEIGHTS), i % 2 == 0 ? weights : own);
                try (Lora lora = Lora.load(model, folder)) {
                    assertThat(lora.names()).containsExactly("default");
                } catch (LoraException e) {
                    assertThat(e.getMessage()).isNotEmpty();
                }
                assertThat(model.isAdapted()).isFalse();
            }
        }
    }

    @Test
    void infoTellsWhatAFolderHolds() throws IOException {
        AdapterInfo info = AdapterInfo.read(Golden.LORA.resolve("rank_alpha_pattern"));
        assertThat(info.modules())
                .contains(
                        new AdapterInfo.AdaptedModule(
                                "model.layers.1.self_attn.v_proj", 6, 0.5, 48, 24),
                        new AdapterInfo.AdaptedModule(
                                "model.layers.0.self_attn.q_proj", 2, 4, 48, 48))
                .hasSize(8);
        assertThat(info.types()).containsExactly("float32");
        assertThat(info.bytes()).isEqualTo(4 * info.parameters());
        assertThat(AdapterInfo.read(Golden.LORA.resolve("modules_to_save")).wholes())
                .containsExactly("lm_head.weight");
    }
}
