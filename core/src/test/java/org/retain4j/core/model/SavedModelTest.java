package org.retain4j.core.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.retain4j.core.nn.Parameter;
import org.retain4j.core.tensor.DType;
import org.retain4j.core.tensor.Scope;

/** Saved folders hold the rounded weights and nothing else, in one file or several. */
class SavedModelTest {

    private static final ObjectMapper JSON = new ObjectMapper();
    private static final long WHOLE = 1L << 40;

    static Stream<String> families() {
        return ModelFolders.FAMILIES.stream();
    }

    @ParameterizedTest
    @MethodSource("families")
    void everyTypeAndShardSizeGivesTheRoundedWeightsBack(String name, @TempDir Path folder)
            throws IOException {
        try (CausalLm model = Pretrained.load(ModelFolders.MODELS.resolve(name))) {
            for (DType type : List.of(DType.FLOAT32, DType.FLOAT16, DType.BFLOAT16)) {
                for (long shard : new long[] {WHOLE, 40_000}) {
                    Path target = folder.resolve(type + "-" + shard);
                    model.save(target, type, shard);
                    assertFiles(model, target, type, shard);
                    try (CausalLm loaded = Pretrained.load(target);
                            Scope scope = Scope.open()) {
                        assertThat(loaded.spec()).isEqualTo(model.spec());
                        for (Parameter parameter : model.parameters()) {
                            assertThat(loaded.parameter(parameter.name()).value().toFloatArray())
                                    .as(parameter.name())
                                    .containsExactly(
                                            parameter
                                                    .value()
                                                    .to(type)
                                                    .to(DType.FLOAT32)
                                                    .toFloatArray());
                        }
                    }
                }
            }
        }
    }

    /** Checks the files by their format, without the readers of this library. */
    private static void assertFiles(CausalLm model, Path folder, DType type, long shard)
            throws IOException {
        Map<String, String> places = new TreeMap<>();
        long total = 0;
        List<Path> files;
        try (Stream<Path> all = Files.list(folder)) {
            files = all.filter(f -> f.toString().endsWith(".safetensors")).sorted().toList();
        }
        for (Path file : files) {
            byte[] bytes = Files.readAllBytes(file);
            int length = (int) ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).getLong();
            JsonNode header = JSON.readTree(new String(bytes, 8, length, StandardCharsets.UTF_8));
            long data = 0;
            for (Map.Entry<String, JsonNode> tensor : header.properties()) {
                if (tensor.getKey().equals("__metadata__")) {
                    assertThat(tensor.getValue().toString()).isEqualTo("{\"format\":\"pt\"}");
                    continue;
                }
                assertThat(tensor.getValue().get("dtype").asText())
                        .isEqualTo(
                                Map.of(
                                                DType.FLOAT32,
                                                "F32",
                                                DType.FLOAT16,
                                                "F16",
                                                DType.BFLOAT16,
                                                "BF16")
                                        .get(type));
                JsonNode offsets = tensor.getValue().get("data_offsets");
                data += offsets.get(1).asLong() - offsets.get(0).asLong();
                assertThat(places.put(tensor.getKey(), file.getFileName().toString())).isNull();
            }
            assertThat(bytes.length).isEqualTo((int) (8 + length + data));
            if (header.size() > 2) {
                assertThat(data).isLessThanOrEqualTo(shard);
            }
            total += data;
        }
        assertThat(places.keySet())
                .containsExactlyInAnyOrderElementsOf(
                        model.parameters().stream().map(Parameter::name).toList());
        long elements = model.parameters().stream().mapToLong(p -> p.value().elements()).sum();
        assertThat(total).isEqualTo(elements * type.bytes());
        Path index = folder.resolve("model.safetensors.index.json");
        if (shard == WHOLE) {
            assertThat(index).doesNotExist();
            assertThat(new TreeSet<>(places.values())).containsExactly("model.safetensors");
        } else {
            JsonNode json = JSON.readTree(index.toFile());
            assertThat(json.get("metadata").get("total_size").asLong()).isEqualTo(total);
            Map<String, String> map = new TreeMap<>();
            json.get("weight_map")
                    .properties()
                    .forEach(e -> map.put(e.getKey(), e.getValue().asText()));
            assertThat(map).isEqualTo(places);
            List<String> expected = new ArrayList<>();
            for (int i = 1; i <= files.size(); i++) {
                expected.add("model-%05d-of-%05d.safetensors".formatted(i, files.size()));
            }
            assertThat(files.stream().map(f -> f.getFileName().toString()))
                    .containsExactlyElementsOf(expected)
                    .hasSizeGreaterThan(1);
        }
        JsonNode config = JSON.readTree(folder.resolve("config.json").toFile());
        assertThat(config.path("dtype").asText(config.path("torch_dtype").asText()))
                .isEqualTo(type.toString());
        assertThat(config.has("dtype") && config.has("torch_dtype")).isFalse();
    }

    @ParameterizedTest
    @ValueSource(strings = {"smollm2", "gpt2", "gemma2", "llama", "gpt_neox"})
    void aTiedHeadIsNotWrittenTwice(String name, @TempDir Path folder) throws IOException {
        try (CausalLm model = Pretrained.load(ModelFolders.MODELS.resolve(name))) {
            boolean tied = model.spec().tiedHead();
            assertThat(tied).isEqualTo(!name.equals("llama") && !name.equals("gpt_neox"));
            String head = model.spec().names().head() + ".weight";
            assertThat(model.parameters().stream().anyMatch(p -> p.name().equals(head)))
                    .isEqualTo(!tied);
            assertThat(model.headWeight() == model.parameters().get(0)).isEqualTo(tied);
        }
    }

    @Test
    void otherTypesAndEarlierShardsDoNotMix(@TempDir Path folder) throws IOException {
        try (CausalLm model = Pretrained.load(ModelFolders.MODELS.resolve("llama"))) {
            for (DType type : List.of(DType.FLOAT64, DType.INT8, DType.INT64)) {
                assertThatThrownBy(() -> model.save(folder.resolve("no"), type, WHOLE))
                        .isInstanceOf(IllegalArgumentException.class)
                        .hasMessageContainingAll("" + type, "float32, float16 or bfloat16");
            }
            assertThat(folder.resolve("no")).doesNotExist();
            // several files, then one, then several again in the same folder
            for (long shard : new long[] {40_000, WHOLE, 60_000, WHOLE}) {
                model.save(folder, DType.BFLOAT16, shard);
                assertFiles(model, folder, DType.BFLOAT16, shard);
                Pretrained.load(folder).close();
            }
        }
    }
}
