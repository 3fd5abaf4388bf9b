package org.retain4j.merging;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.retain4j.core.io.TensorInfo;
import org.retain4j.core.text.ChatRequest;
import org.retain4j.core.text.ChatTemplate;
import org.retain4j.merging.method.Draws;

/** Plans against the numbers of the reference. */
class GoldenMergeTest {

    private static final double TOLERANCE = 1e-6;
    private static final ObjectMapper JSON = new ObjectMapper();

    @TempDir Path folder = Path.of("");

    static Stream<String> cases() throws IOException {
        return names(Fixtures.golden().resolve("cases")).stream();
    }

    static Stream<String> casesOfTokens() throws IOException {
        return names(Fixtures.golden().resolve("rows/cases")).stream();
    }

    static Stream<String> errors() throws IOException {
        return names(Fixtures.golden().resolve("errors")).stream();
    }

    private static List<String> names(Path kind) throws IOException {
        try (Stream<Path> all = Files.list(kind)) {
            return all.map(path -> String.valueOf(path.getFileName())).sorted().toList();
        }
    }

    @ParameterizedTest
    @MethodSource("cases")
    void equalsTheReference(String name) throws IOException {
        Path root = Fixtures.golden();
        Path files = root.resolve("cases").resolve(name);
        Path out = merge(root, files, name);
        // The ranks of this method rest on differences of float32 logarithms, which leaves some
        // entries on the other side of the threshold: up to a thousandth in the full models.
        int allowed = name.startsWith("arcee_fusion") ? 10 : 0;
        List<String> wrong = new ArrayList<>();
        try (Weights expected = Weights.ofFile(files.resolve("expected.safetensors"));
                Weights actual = Weights.ofModel(out)) {
            assertThat(actual.tensors().keySet())
                    .containsExactlyInAnyOrderElementsOf(expected.tensors().keySet());
            for (TensorInfo info : expected.tensors().values()) {
                compare(actual, expected, info, Map.of(), wrong);
            }
        }
        assertThat(wrong).hasSizeLessThanOrEqualTo(allowed);
    }

    @ParameterizedTest
    @MethodSource("casesOfTokens")
    void equalsTheReferenceTokenByToken(String name) throws IOException {
        Path root = Fixtures.golden().resolve("rows");
        Path files = root.resolve("cases").resolve(name);
        Path out = merge(root, files, name);
        JsonNode about = JSON.readTree(Files.readAllBytes(files.resolve("case.json")));
        Map<Integer, Integer> rows = new TreeMap<>();
        if (about.has("output_vocab")) {
            TokenTable tokens = TokenTable.read(out);
            for (Map.Entry<String, JsonNode> token : about.get("output_vocab").properties()) {
                Integer id = tokens.id(token.getKey());
                rows.put(token.getValue().asInt(), Objects.requireNonNull(id, token.getKey()));
            }
        }
        List<String> wrong = new ArrayList<>();
        try (Weights expected = Weights.ofFile(files.resolve("expected.safetensors"));
                Weights actual = Weights.ofModel(out)) {
            assertThat(actual.tensors().keySet())
                    .containsExactlyInAnyOrderElementsOf(expected.tensors().keySet());
            for (TensorInfo info : expected.tensors().values()) {
                boolean tokens = Layers.hasTokenRows(info.name());
                compare(actual, expected, info, tokens ? rows : Map.of(), wrong);
            }
        }
        assertThat(wrong).isEmpty();
        JsonNode chat = about.get("chat");
        if (chat != null) {
            ChatRequest request = ChatRequest.parse(chat.get("messages").toString(), name);
            ChatTemplate template = ChatTemplate.load(out);
            assertThat(template.render(request)).isEqualTo(chat.get("rendered").asText());
            assertThat(template.render(request.withGenerationPrompt()))
                    .isEqualTo(chat.get("rendered_with_generation_prompt").asText());
        }
    }

    private Path merge(Path root, Path files, String name) throws IOException {
        String text = Files.readString(files.resolve("config.yml")) + "\nparity: mergekit-0.1.4\n";
        MergePlan plan = MergePlan.parse(name, text);
        Merge merge = Merge.of(plan).root(root);
        Path masks = files.resolve("masks.safetensors");
        Path out = folder.resolve("out");
        if (Files.exists(masks)) {
            try (Weights recorded = Weights.ofFile(masks)) {
                merge.draws((tensor, own) -> recorded(plan, recorded, tensor)).run(out);
            }
        } else {
            merge.run(out);
        }
        Merge.verify(out);
        return out;
    }

    /** Notes entries that differ; 16-bit ones must be equal. */
    private static void compare(
            Weights actual,
            Weights expected,
            TensorInfo info,
            Map<Integer, Integer> rows,
            List<String> wrong)
            throws IOException {
        TensorInfo ours = Objects.requireNonNull(actual.find(info.name()), info.name());
        assertThat(ours.spec()).isEqualTo(info.spec());
        float[] a = Fixtures.read(actual, info.name());
        float[] b = Fixtures.read(expected, info.name());
        double limit = info.dtype().bytes() == 2 ? 0 : TOLERANCE;
        int width = Math.toIntExact(info.shape().get(info.shape().size() - 1));
        for (int k = 0; k < b.length; k++) {
            int row = k / width;
            float value = a[rows.getOrDefault(row, row) * width + k % width];
            if (!(Math.abs(value - b[k]) <= limit)) {
                wrong.add(info.name() + " " + k + ": " + value + " for " + b[k]);
            }
        }
    }

    private static Draws recorded(MergePlan plan, Weights masks, String tensor) {
        return (model, index) -> {
            String name = plan.slices().get(0).sources().get(model).model().path() + "::" + tensor;
            TensorInfo info = Objects.requireNonNull(masks.find(name), name);
            ByteBuffer value = ByteBuffer.allocate(info.dtype().bytes());
            try {
                masks.bytes(info, index * info.dtype().bytes(), value);
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
            for (byte b : value.array()) {
                if (b != 0) {
                    return 0;
                }
            }
            return 1;
        };
    }

    @ParameterizedTest
    @MethodSource("errors")
    void refusesWrongPlansAndWritesNothing(String name) {
        Path file = Fixtures.golden().resolve("errors").resolve(name);
        Path out = folder.resolve("out");
        assertThatThrownBy(() -> Merge.of(MergePlan.read(file)).root(Fixtures.golden()).run(out))
                .isInstanceOf(MergeException.class)
                .hasMessageContaining(name);
        assertThat(out.resolve("model.safetensors")).doesNotExist();
        assertThat(out.resolve("merge.json")).doesNotExist();
    }

    @Test
    void zerosForATokenAreRowsOfZeros() throws IOException {
        String text =
                """
                merge_method: linear
                models:
                - {model: models/ft_a, parameters: {weight: 1}}
                - {model: models/v_ext, parameters: {weight: 1}}
                tokenizer:
                  source: union
                  tokens:
                    <|bot|>: {source: {kind: zero}, force: true}
                """;
        Path out = folder.resolve("out");
        Merge.of(MergePlan.parse("zero", text)).root(Fixtures.golden().resolve("rows")).run(out);
        int id = Objects.requireNonNull(TokenTable.read(out).id("<|bot|>"));
        float[] rows = Fixtures.read(out, "model.embed_tokens.weight");
        for (int k = 0; k < 16; k++) {
            assertThat(rows[id * 16 + k]).isZero();
            assertThat(rows[(id - 1) * 16 + k]).isNotZero();
        }
    }

    @Test
    void rowsThatFillUpAreTheMeanOfTheOthers() throws IOException {
        String text =
                """
                merge_method: passthrough
                models: [{model: models/ft_b}]
                tokenizer: {source: union, pad_to_multiple_of: 32}
                """;
        Path root = Fixtures.golden().resolve("rows");
        Path out = folder.resolve("out");
        Merge.of(MergePlan.parse("pad", text)).root(root).run(out);
        float[] rows = Fixtures.read(out, "model.embed_tokens.weight");
        assertThat(rows).hasSize(320 * 16);
        for (int column = 0; column < 16; column++) {
            double sum = 0;
            for (int row = 0; row < 300; row++) {
                sum += rows[row * 16 + column];
            }
            assertThat((double) rows[310 * 16 + column]).isCloseTo(sum / 300, within(1e-6));
        }
    }
}
