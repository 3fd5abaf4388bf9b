package org.retain4j.core.io.gguf;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.retain4j.core.text.Tokenizer;

class GgufTokenizerTest {

    private static final ObjectMapper JSON = new ObjectMapper();

    @TempDir Path folder;

    private GgufWriter model(String architecture, int rows) {
        return TinyGguf.header(architecture, 8, 16, 1, 2, 1)
                .tensor("token_embd.weight", 0, new long[] {8, rows}, new byte[32 * rows]);
    }

    private GgufModel open(GgufWriter writer) throws IOException {
        return GgufModel.open(writer.write(folder.resolve("model.gguf")));
    }

    static Tokenizer tokenizer(GgufModel model) throws IOException {
        Map<String, byte[]> files = model.sidecars();
        return Tokenizer.load(
                new ByteArrayInputStream(files.get("tokenizer.json")),
                new ByteArrayInputStream(files.get("tokenizer_config.json")));
    }

    @ParameterizedTest
    @CsvSource({
        "models/llama, llama, llama, gpt-2",
        "models/smollm2, smollm2, llama, smollm",
        "tokenizer/llama3, llama3, llama, dbrx",
        "tokenizer/qwen2, qwen2, qwen2, qwen2",
        "tokenizer/qwen3, qwen3, qwen3, default",
        "tokenizer/gpt2, gpt2, gpt2, gpt-2",
        "tokenizer/olmo2, olmo2, olmo2, olmo",
        "tokenizer/mistral, mistral, llama,",
        "tokenizer/phi3, phi3, phi3,",
        "tokenizer/gemma2, gemma2, gemma2,"
    })
    void givesTheIdsOfTheOriginalTokenizer(
            String path, String name, String architecture, String pre) throws IOException {
        JsonNode original = GgufModelTest.json(GgufModelTest.golden(path + "/tokenizer.json"));
        JsonNode cases = GgufModelTest.json(GgufModelTest.golden("tokenizer/cases.json"));
        JsonNode expected = cases.get("tokenizers").get(name);
        boolean bos = expected.has("ids");
        GgufWriter writer = model(architecture, 384).put("tokenizer.ggml.add_bos_token", bos);
        TinyGguf.addTokenizer(writer, original, pre);
        if (bos) {
            String token = original.findValue("SpecialToken").get("id").asText();
            writer.put(
                    "tokenizer.ggml.bos_token_id",
                    original.get("model").get("vocab").get(token).asInt());
        }
        if (name.equals("gemma2")) {
            writer.put("tokenizer.ggml.add_space_prefix", false)
                    .put("tokenizer.ggml.unknown_token_id", 3);
        }
        JsonNode texts = cases.get("texts");
        try (GgufModel model = open(writer);
                Tokenizer tokenizer = tokenizer(model)) {
            for (int i = 0; i < texts.size(); i++) {
                String text = texts.get(i).asText();
                int[] plain = JSON.convertValue(expected.get("ids_plain").get(i), int[].class);
                assertThat(tokenizer.encode(text, false)).as(text).isEqualTo(plain);
                int[] ids =
                        JSON.convertValue(
                                expected.get(bos ? "ids" : "ids_plain").get(i), int[].class);
                assertThat(tokenizer.encode(text)).as(text).isEqualTo(ids);
                assertThat(tokenizer.decode(plain, false))
                        .isEqualTo(expected.get("decoded").get(i).asText());
            }
            int[] longIds = JSON.convertValue(expected.get("long_ids"), int[].class);
            assertThat(tokenizer.encode(cases.get("long_text").asText())).isEqualTo(longIds);
        }
    }

    /** "abc": the highest score wins, then the longer left part; the order of ids decides last. */
    @Test
    void ordersMergesByScoreThenByLengths() throws IOException {
        GgufWriter writer =
                model("llama", 16)
                        .put("tokenizer.ggml.model", "llama")
                        .put(
                                "tokenizer.ggml.tokens",
                                List.of("<unk>", "<s>", "</s>", "a", "b", "c", "ab", "bc", "abc"))
                        .put(
                                "tokenizer.ggml.scores",
                                List.of(0f, 0f, 0f, -9f, -9f, -9f, -2f, -1f, -2f))
                        .put("tokenizer.ggml.token_type", List.of(2, 3, 3, 1, 1, 1, 1, 1, 1));
        try (GgufModel model = open(writer)) {
            JsonNode json = JSON.readTree(model.sidecars().get("tokenizer.json"));
            assertThat(json.get("model").get("merges"))
                    .isEqualTo(
                            JSON.readTree(
                                    "[[\"b\",\"c\"],[\"ab\",\"c\"],[\"a\",\"bc\"],[\"a\",\"b\"]]"));
            assertThat(json.get("model").get("unk_token").asText()).isEqualTo("<unk>");
            JsonNode config = JSON.readTree(model.configJson());
            assertThat(config.get("bos_token_id").asInt()).isEqualTo(1);
            assertThat(config.get("eos_token_id").asInt()).isEqualTo(2);
        }
    }

    @Test
    void tellsSpecialTokensFromUserDefinedAndUnusedOnes() throws IOException {
        GgufWriter writer =
                model("llama", 8)
                        .put("tokenizer.ggml.model", "gpt2")
                        .put("tokenizer.ggml.pre", "llama-bpe")
                        .put(
                                "tokenizer.ggml.tokens",
                                List.of("a", "<|begin|>", "<|end|>", "<|turn|>", "<tool>", "[PAD]"))
                        .put("tokenizer.ggml.token_type", List.of(1, 3, 3, 3, 4, 5))
                        .put("tokenizer.ggml.merges", List.of("a a"))
                        .put("tokenizer.ggml.bos_token_id", 1)
                        .put("tokenizer.ggml.eos_token_id", 2)
                        .put("tokenizer.ggml.eot_token_id", 3)
                        .put("tokenizer.ggml.add_eos_token", true)
                        .put(
                                "tokenizer.chat_template",
                                "{{ bos_token }}é{% for m in x %}{% endfor %}");
        assertThatThrownBy(() -> open(writer))
                .isInstanceOf(GgufException.class)
                .hasMessageContaining("tokenizer.ggml.merges has \"a a\" at 0");
        GgufWriter right =
                model("llama", 8)
                        .put("tokenizer.ggml.model", "gpt2")
                        .put("tokenizer.ggml.pre", "llama-bpe")
                        .put(
                                "tokenizer.ggml.tokens",
                                List.of(
                                        "a",
                                        "<|begin|>",
                                        "<|end|>",
                                        "<|turn|>",
                                        "<tool>",
                                        "aa",
                                        "[PAD]"))
                        .put("tokenizer.ggml.token_type", List.of(1, 3, 3, 3, 4, 1, 5))
                        .put("tokenizer.ggml.merges", List.of("a a"))
                        .put("tokenizer.ggml.bos_token_id", 1)
                        .put("tokenizer.ggml.eos_token_id", 2)
                        .put("tokenizer.ggml.eot_token_id", 3)
                        .put("tokenizer.ggml.add_eos_token", true)
                        .put(
                                "tokenizer.chat_template",
                                "{{ bos_token }}é{% for m in x %}{% endfor %}");
        try (GgufModel model = open(right);
                Tokenizer tokenizer = tokenizer(model)) {
            assertThat(tokenizer.encode("aaa<tool><|turn|>a")).containsExactly(1, 5, 0, 4, 3, 0, 2);
            assertThat(tokenizer.decode(new int[] {4, 3, 0}, true)).isEqualTo("<tool>a");
            assertThat(tokenizer.vocabularySize()).isEqualTo(6);
            assertThat(tokenizer.bosId()).isEqualTo(OptionalInt.of(1));
            JsonNode config = JSON.readTree(model.sidecars().get("tokenizer_config.json"));
            assertThat(config.get("chat_template").asText())
                    .isEqualTo("{{ bos_token }}é{% for m in x %}{% endfor %}");
            JsonNode generation = JSON.readTree(model.sidecars().get("generation_config.json"));
            assertThat(generation.get("eos_token_id")).isEqualTo(JSON.readTree("[2,3]"));
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"gpt-4o", "tekken", "llama-bpe", "starcoder", "dbrx", "olmo"})
    void everyRuleIsAcceptedByTheTokenizersLibrary(String pre) throws IOException {
        GgufWriter named =
                model("llama", 8)
                        .put("tokenizer.ggml.model", "gpt2")
                        .put("tokenizer.ggml.pre", pre)
                        .put("tokenizer.ggml.tokens", List.of("a", "b", "ab", "Ġ", "1"))
                        .put("tokenizer.ggml.merges", List.of("a b"));
        try (GgufModel model = open(named);
                Tokenizer tokenizer = tokenizer(model)) {
            assertThat(tokenizer.encode("ab ab1")).containsExactly(2, 3, 2, 4);
        }
    }

    @Test
    void o200kSplitsWordsBeforeCapitalsAndKeepsContractions() throws IOException {
        GgufWriter writer =
                model("llama", 16)
                        .put("tokenizer.ggml.model", "gpt2")
                        .put("tokenizer.ggml.pre", "gpt-4o")
                        .put(
                                "tokenizer.ggml.tokens",
                                List.of("a", "B", "aB", "'", "s", "a'", "a's", "1", "11", "1111"))
                        .put(
                                "tokenizer.ggml.merges",
                                List.of("a B", "a '", "a' s", "1 1", "11 11"));
        try (GgufModel model = open(writer);
                Tokenizer tokenizer = tokenizer(model)) {
            assertThat(tokenizer.encode("aBa's")).containsExactly(0, 1, 6);
            assertThat(tokenizer.encode("a's")).containsExactly(6);
            assertThat(tokenizer.encode("1111")).containsExactly(8, 7, 7);
        }
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "pre | chatglm-bpe | \"chatglm-bpe\"; how texts are split is known for dbrx, gpt-2",
                "pre | default | \"default\"",
                "model | bert | \"bert\" is not supported"
            })
    void refusesTokenizersItDoesNotKnow(String key, String value, String part) {
        GgufWriter writer =
                model("llama", 8)
                        .put("tokenizer.ggml.tokens", List.of("a", "b", "ab"))
                        .put("tokenizer.ggml.merges", List.of("a b"))
                        .put("tokenizer.ggml." + key, value);
        if (!key.equals("model")) {
            writer.put("tokenizer.ggml.model", "gpt2");
        }
        assertThatThrownBy(() -> open(writer))
                .isInstanceOf(GgufException.class)
                .hasMessageContaining(part);
    }

    @Test
    void refusesVocabulariesThatDoNotFit() {
        GgufWriter twice =
                model("gpt2", 8)
                        .put("tokenizer.ggml.model", "gpt2")
                        .put("tokenizer.ggml.tokens", List.of("a", "b", "a"))
                        .put("tokenizer.ggml.merges", List.of("a b"));
        assertThatThrownBy(() -> open(twice))
                .isInstanceOf(GgufException.class)
                .hasMessageContaining("has \"a\" at both 0 and 2");
        GgufWriter scores =
                model("llama", 8)
                        .put("tokenizer.ggml.model", "llama")
                        .put("tokenizer.ggml.tokens", List.of("<unk>", "a"))
                        .put("tokenizer.ggml.scores", List.of(1f));
        assertThatThrownBy(() -> open(scores))
                .isInstanceOf(GgufException.class)
                .hasMessageContaining("tokenizer.ggml.scores has 1 elements");
        GgufWriter rows = GgufModelTest.tinyVocabulary(model("llama", 2));
        assertThatThrownBy(() -> open(rows))
                .isInstanceOf(GgufException.class)
                .hasMessageContaining("3 tokens but the embedding only 2 rows");
        String longPiece = "x".repeat(40000);
        GgufWriter pieces =
                model("llama", 8)
                        .put("tokenizer.ggml.model", "llama")
                        .put("tokenizer.ggml.tokens", List.of("<unk>", longPiece))
                        .put("tokenizer.ggml.scores", List.of(1f, 1f));
        assertThatThrownBy(() -> open(pieces))
                .isInstanceOf(GgufException.class)
                .hasMessageContaining("too long");
    }
}
