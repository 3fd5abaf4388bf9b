package org.retain4j.core.text;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Every tokenizer of the fixtures against what the Python library made of the same texts. */
class TokenizerGoldenTest {

    private static final ObjectMapper MAPPER = new ObjectMapper();
    private static final JsonNode CASES = cases();

    static Path golden(String path) {
        try {
            return Path.of(TokenizerGoldenTest.class.getResource("/golden/" + path).toURI());
        } catch (URISyntaxException e) {
            throw new AssertionError(e);
        }
    }

    /** The folder with the tokenizer of a name in the cases. */
    static Path folder(String name) {
        return switch (name) {
            case "llama", "smollm2" -> golden("models/" + name);
            case "gemma3" -> golden("tokenizer/gemma2");
            default -> golden("tokenizer/" + name);
        };
    }

    private static JsonNode cases() {
        try {
            return MAPPER.readTree(golden("tokenizer/cases.json").toFile());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static int[] ids(JsonNode node) {
        return MAPPER.convertValue(node, int[].class);
    }

    @Test
    void coversAllCases() {
        assertThat(CASES.get("texts")).hasSizeGreaterThan(30);
        Iterable<String> names = () -> CASES.get("tokenizers").fieldNames();
        assertThat(names)
                .containsExactlyInAnyOrder(
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
                        "olmo2",
                        "SmolLM2-135M-Instruct");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
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
                "olmo2"
            })
    void givesTheSameIdsAndTextsAsPython(String name) throws IOException {
        compare(name, folder(name));
    }

    @Test
    @Tag("model")
    void givesTheSameIdsAndTextsAsPythonForSmolLm2() throws IOException {
        String models = System.getProperty("retain4j.models", "");
        Path folder = Path.of(models, "SmolLM2-135M-Instruct");
        Assumptions.assumeTrue(
                !models.isEmpty() && Files.isDirectory(folder),
                "no SmolLM2-135M-Instruct in the folder of -Dretain4j.models");
        compare("SmolLM2-135M-Instruct", folder);
        try (Tokenizer tokenizer = Tokenizer.load(folder)) {
            assertThat(tokenizer.eosIds()).containsExactly(2);
            assertThat(tokenizer.addedTokens()).hasSize(17);
        }
    }

    private static void compare(String name, Path folder) throws IOException {
        JsonNode expected = CASES.get("tokenizers").get(name);
        JsonNode texts = CASES.get("texts");
        try (Tokenizer tokenizer = Tokenizer.load(folder)) {
            assertThat(tokenizer.sha256())
                    .isEqualTo(expected.get("tokenizer_json_sha256").asText());
            assertThat(tokenizer.vocabularySize())
                    .isEqualTo(expected.get("vocab_size_with_added").asInt());
            JsonNode withSpecial = expected.path("ids");
            List<String> all = new ArrayList<>();
            for (int i = 0; i < texts.size(); i++) {
                String text = texts.get(i).asText();
                all.add(text);
                int[] plain = tokenizer.encode(text, false);
                assertThat(plain).as(text).isEqualTo(ids(expected.get("ids_plain").get(i)));
                assertThat(tokenizer.encode(text))
                        .as(text)
                        .isEqualTo(withSpecial.has(i) ? ids(withSpecial.get(i)) : plain);
                String decoded = expected.get("decoded").get(i).asText();
                String skipped = expected.get("decoded_skip").get(i).asText();
                assertThat(tokenizer.decode(plain, false)).as(text).isEqualTo(decoded);
                assertThat(tokenizer.decode(plain, true)).as(text).isEqualTo(skipped);
                assertThat(streamed(tokenizer, plain, false)).as(text).isEqualTo(decoded);
                assertThat(streamed(tokenizer, plain, true)).as(text).isEqualTo(skipped);
            }
            assertThat(tokenizer.encodeAll(all, false))
                    .usingRecursiveComparison()
                    .isEqualTo(all.stream().map(text -> tokenizer.encode(text, false)).toList());
            longText(tokenizer, expected);
            prefixes(tokenizer, expected.get("prefix_decodes"));
        }
    }

    private static void longText(Tokenizer tokenizer, JsonNode expected) {
        String text = CASES.get("long_text").asText();
        int[] ids = tokenizer.encode(text);
        assertThat(ids).hasSizeGreaterThan(512).isEqualTo(ids(expected.get("long_ids")));
        assertThat(tokenizer.decode(ids, true).equals(text))
                .isEqualTo(expected.get("long_decoded_equals_text").asBoolean());
        assertThat(streamed(tokenizer, ids, true)).isEqualTo(tokenizer.decode(ids, true));
        assertThat(tokenizer.encode(text, true, 32))
                .isEqualTo(ids(expected.get("long_truncated_right_to_32")));
        assertThat(tokenizer.encode(text, true, 1 << 20)).isEqualTo(ids);
    }

    private static void prefixes(Tokenizer tokenizer, JsonNode expected) {
        int[] ids = ids(expected.get("ids"));
        String whole = expected.get("text").asText();
        TokenStream stream = tokenizer.stream(false);
        StringBuilder given = new StringBuilder();
        Iterator<JsonNode> prefixes = expected.get("decoded_prefixes").elements();
        for (int i = 0; i < ids.length; i++) {
            String prefix = prefixes.next().asText();
            assertThat(tokenizer.decode(java.util.Arrays.copyOf(ids, i + 1), false))
                    .isEqualTo(prefix);
            given.append(stream.next(ids[i]));
            // Nothing is given out that a later token could change.
            assertThat(prefix).startsWith(given);
            assertThat(whole).startsWith(given);
        }
        assertThat(given.append(stream.finish())).hasToString(whole);
    }

    private static String streamed(Tokenizer tokenizer, int[] ids, boolean skip) {
        TokenStream stream = tokenizer.stream(skip);
        StringBuilder text = new StringBuilder();
        for (int id : ids) {
            text.append(stream.next(id));
        }
        return text.append(stream.finish()).toString();
    }
}
