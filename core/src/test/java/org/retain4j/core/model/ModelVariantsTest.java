package org.retain4j.core.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.retain4j.core.io.SafetensorsFile;
import org.retain4j.core.tensor.Scope;

/**
 * Golden models under changed configurations give the numbers of transformers; see
 * golden/rope/README.md.
 */
class ModelVariantsTest {

    private static final Path FOLDER = Path.of("src/test/resources/golden/rope");

    @TempDir Path folder;

    private record Variant(JsonNode json) {
        @Override
        public String toString() {
            return json.get("name").asText();
        }
    }

    static Stream<Variant> variants() throws IOException {
        List<Variant> all = new ArrayList<>();
        new ObjectMapper()
                .readTree(FOLDER.resolve("variants.json").toFile())
                .forEach(node -> all.add(new Variant(node)));
        return all.stream();
    }

    @ParameterizedTest
    @MethodSource("variants")
    void lastLogitsEqualTheReference(Variant variant) throws IOException {
        JsonNode json = variant.json();
        ModelFolders.copy(
                json.get("model").asText(),
                folder,
                root -> {
                    json.get("remove").forEach(key -> root.remove(key.asText()));
                    root.setAll((ObjectNode) json.get("set"));
                });
        int[] ids = new int[json.get("ids").size()];
        for (int i = 0; i < ids.length; i++) {
            ids[i] = json.get("ids").get(i).asInt();
        }
        float[] expected;
        try (SafetensorsFile arrays =
                SafetensorsFile.open(FOLDER.resolve("variants.safetensors"))) {
            ByteBuffer bytes = ByteBuffer.allocate(2 * 384 * 4).order(ByteOrder.LITTLE_ENDIAN);
            arrays.read(variant.toString(), 0, bytes);
            expected = new float[2 * 384];
            bytes.flip().asFloatBuffer().get(expected);
        }
        try (CausalLm model = Pretrained.load(folder);
                Scope scope = Scope.open()) {
            float[] logits = model.logits(TokenBatch.of(ids)).toFloatArray();
            int from = logits.length - expected.length;
            for (int i = 0; i < expected.length; i++) {
                assertThat((double) logits[from + i])
                        .as("logit %d", i)
                        .isCloseTo(expected[i], within(1e-4));
            }
        }
        // a variant that changes nothing would prove nothing
        assertThat(json.get("moved").asDouble()).isGreaterThan(0.05);
    }
}
