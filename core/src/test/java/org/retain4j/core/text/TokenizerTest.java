package org.retain4j.core.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.URISyntaxException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.OptionalInt;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class TokenizerTest {

    private static final ObjectMapper MAPPER = new ObjectMapper();

    @TempDir Path folder;

    private static Path golden(String path) {
        try {
            return Path.of(TokenizerTest.class.getResource("/golden/" + path).toURI());
        } catch (URISyntaxException e) {
            throw new AssertionError(e);
        }
    }

    private static Tokenizer of(String json) throws IOException {
        return Tokenizer.load(stream(json), null);
    }

    private static InputStream stream(String text) {
        return new ByteArrayInputStream(text.getBytes(StandardCharsets.UTF_8));
    }

    private static int[] ids(JsonNode node) {
        return MAPPER.convertValue(node, int[].class);
    }

    /** A byte-pair tokenizer of three tokens with one part replaced. */
    private static String json(String section, String value) {
        String text =
                """
                {"version":"1.0","truncation":null,"padding":null,"added_tokens":[],
                 "normalizer":null,"pre_tokenizer":null,"post_processor":null,"decoder":null,
                 "model":{"type":"BPE","vocab":{"a":0,"b":1,"ab":2},"merges":["a b"]}}""";
        return text.replaceFirst(
                "\"" + section + "\":(null|\\[]|\\{.*})",
                java.util.regex.Matcher.quoteReplacement("\"" + section + "\":" + value)
                        + (section.equals("model") ? "}" : ""));
    }

    @Test
    void ignoresTruncationAndPaddingOfTheFile() throws IOException {
        String truncating =
                Files.readString(golden("models/llama/tokenizer.json"))
                        .replace(
                                "\"truncation\":null",
                                "\"truncation\":{\"direction\":\"Right\",\"max_length\":4,"
                                        + "\"strategy\":\"LongestFirst\",\"stride\":0}")
                        .replace(
                                "\"padding\":null",
                                "\"padding\":{\"strategy\":{\"Fixed\":64},\"direction\":\"Right\","
                                        + "\"pad_to_multiple_of\":null,\"pad_id\":3,"
                                        + "\"pad_type_id\":0,\"pad_token\":\"<pad>\"}");
        try (Tokenizer plain = Tokenizer.load(golden("models/llama"));
                Tokenizer changed = of(truncating)) {
            for (String text : List.of("a", "The lighthouse keeper wrote in her book.")) {
                assertThat(changed.encode(text)).isEqualTo(plain.encode(text));
            }
            assertThat(changed.sha256()).isNotEqualTo(plain.sha256());
        }
    }

    @Test
    void roundTripsAStoryWithTheSentencePieceLikeTokenizer() throws IOException {
        String story = "Once upon a time, there was a little girl named Lily. She said: \"Ünï\"!";
        try (Tokenizer tokenizer = Tokenizer.load(golden("tokenizer/stories260K"))) {
            int[] ids = tokenizer.encode(story);
            assertThat(tokenizer.vocabularySize()).isEqualTo(512);
            assertThat(ids[0]).isEqualTo(tokenizer.bosId().getAsInt()).isEqualTo(1);
            assertThat(tokenizer.decode(ids, true)).isEqualTo(story);
            assertThat(tokenizer.decode(ids, false)).startsWith("<s>");
            assertThat(tokenizer.padId()).isEmpty();
        }
    }

    @Test
    void knowsItsTokens() throws IOException {
        try (Tokenizer tokenizer = Tokenizer.load(golden("models/llama"))) {
            assertThat(tokenizer.unkId()).isEqualTo(OptionalInt.of(0));
            assertThat(tokenizer.bosId()).isEqualTo(OptionalInt.of(1));
            assertThat(tokenizer.eosId()).isEqualTo(OptionalInt.of(2));
            assertThat(tokenizer.padId()).isEqualTo(OptionalInt.of(3));
            assertThat(tokenizer.idToToken(2)).isEqualTo("</s>");
            assertThat(tokenizer.tokenToId("no such token")).isEmpty();
        }
        try (Tokenizer tokenizer =
                Tokenizer.load(
                        Files.newInputStream(golden("models/smollm2/tokenizer.json")),
                        stream(
                                "{\"bos_token\":null,\"pad_token\":\"not there\",\"eos_token\":"
                                        + "{\"lstrip\":false,\"content\":\"<|im_end|>\"}}"))) {
            assertThat(tokenizer.eosId()).isEqualTo(OptionalInt.of(2));
            assertThat(tokenizer.bosId()).isEmpty();
            assertThat(tokenizer.padId()).isEmpty();
        }
    }

    @Test
    void knowsWhatEndsAText() throws IOException {
        Files.copy(golden("models/llama/tokenizer.json"), folder.resolve("tokenizer.json"));
        Files.writeString(folder.resolve("tokenizer_config.json"), "{\"eos_token\":\"</s>\"}");
        Files.writeString(folder.resolve("config.json"), "{\"eos_token_id\":7}");
        try (Tokenizer tokenizer = Tokenizer.load(folder)) {
            assertThat(tokenizer.eosIds()).containsExactly(2, 7);
        }
        Path generation = folder.resolve("generation_config.json");
        Files.writeString(generation, "{\"eos_token_id\":[9,2,400]}");
        try (Tokenizer tokenizer = Tokenizer.load(folder)) {
            assertThat(tokenizer.eosIds()).containsExactly(2, 9, 400);
        }
        for (String wrong : List.of("-1", "\"2\"", "[2.5]", "[[2]]", "3000000000", "{}", "true")) {
            Files.writeString(generation, "{\"eos_token_id\":" + wrong + "}");
            assertThatThrownBy(() -> Tokenizer.load(folder))
                    .isInstanceOf(TokenizerException.class)
                    .hasMessageContainingAll("generation_config.json", "eos_token_id");
        }
    }

    @Test
    void listsAddedTokens() throws IOException {
        try (Tokenizer tokenizer = Tokenizer.load(golden("models/llama"))) {
            assertThat(tokenizer.addedTokens())
                    .startsWith(new AddedToken(0, "<unk>", true), new AddedToken(1, "<s>", true));
            assertThat(tokenizer.isSpecial(1)).isTrue();
            assertThat(tokenizer.isSpecial(100)).isFalse();
            assertThat(tokenizer.modelType()).isEqualTo("BPE");
        }
    }

    @Test
    void truncationKeepsTheTokensThatAreAdded() throws IOException {
        try (Tokenizer tokenizer = Tokenizer.load(golden("models/llama"))) {
            String text = "The lighthouse keeper wrote in her book.";
            int[] ids = tokenizer.encode(text);
            assertThat(tokenizer.encode(text, true, ids.length)).isEqualTo(ids);
            assertThat(tokenizer.encode(text, true, 3)).containsExactly(ids[0], ids[1], ids[2]);
            assertThat(tokenizer.encode(text, false, 2)).containsExactly(ids[1], ids[2]);
            assertThat(tokenizer.encode(text, false, 0)).isEmpty();
            assertThatThrownBy(() -> tokenizer.encode(text, true, 0))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("adds 1 tokens");
        }
    }

    @Test
    void configurationGoesBeforeSpecialTokensMap() throws IOException {
        Files.copy(golden("models/llama/tokenizer.json"), folder.resolve("tokenizer.json"));
        Files.writeString(
                folder.resolve("special_tokens_map.json"),
                "{\"eos_token\":\"<pad>\",\"bos_token\":\"<s>\"}");
        Files.writeString(folder.resolve("tokenizer_config.json"), "{\"eos_token\":\"</s>\"}");
        try (Tokenizer tokenizer = Tokenizer.load(folder)) {
            assertThat(tokenizer.eosId()).isEqualTo(OptionalInt.of(2));
            assertThat(tokenizer.bosId()).isEqualTo(OptionalInt.of(1));
        }
    }

    /** The native library goes by the order of the added tokens, not by the ids in the file. */
    @Test
    void numbersAddedTokensAsTheNativeLibraryDoes() throws IOException {
        String token =
                ",\"single_word\":false,\"lstrip\":false,\"rstrip\":false,\"normalized\":false,"
                        + "\"special\":true}";
        String added =
                "[{\"id\":70,\"content\":\"<x>\""
                        + token
                        + ",{\"id\":1,\"content\":\"b\""
                        + token
                        + ",{\"id\":9,\"content\":\"<y>\""
                        + token
                        + "]";
        try (Tokenizer tokenizer = of(json("added_tokens", added))) {
            for (String name : List.of("<x>", "b", "<y>")) {
                assertThat(tokenizer.encode(name))
                        .containsExactly(tokenizer.tokenToId(name).getAsInt());
            }
            assertThat(tokenizer.vocabularySize()).isEqualTo(5);
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {-1, 384, 999_999, Integer.MAX_VALUE, Integer.MIN_VALUE})
    void refusesIdsOutsideTheVocabulary(int id) throws IOException {
        try (Tokenizer tokenizer = Tokenizer.load(golden("models/llama"))) {
            assertThatThrownBy(() -> tokenizer.decode(new int[] {5, id}, false))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContainingAll("" + id, "0 to 383");
            assertThatThrownBy(() -> tokenizer.idToToken(id))
                    .isInstanceOf(IllegalArgumentException.class);
            assertThat(tokenizer.decode(new int[0], false)).isEmpty();
        }
    }

    @Test
    void halfSurrogatePairsBecomeReplacementCharacters() throws IOException {
        try (Tokenizer tokenizer = Tokenizer.load(golden("models/llama"))) {
            assertThat(tokenizer.encode("a\ud83d b\ude00\ud83d\ude00"))
                    .isEqualTo(tokenizer.encode("a\ufffd b\ufffd\ud83d\ude00"));
        }
    }

    @Test
    void saysWhichFileIsWrong() throws IOException {
        assertThatThrownBy(() -> Tokenizer.load(folder))
                .isInstanceOf(TokenizerException.class)
                .hasMessageContainingAll("tokenizer.json", "does not exist");
        Files.writeString(folder.resolve("tokenizer.json"), "not json");
        assertThatThrownBy(() -> Tokenizer.load(folder))
                .isInstanceOf(TokenizerException.class)
                .hasMessageContainingAll(folder.toString(), "not valid JSON");
        Files.copy(
                golden("models/llama/tokenizer.json"),
                folder.resolve("tokenizer.json"),
                java.nio.file.StandardCopyOption.REPLACE_EXISTING);
        Files.writeString(folder.resolve("tokenizer_config.json"), "{\"eos_token\":7}");
        assertThatThrownBy(() -> Tokenizer.load(folder))
                .isInstanceOf(TokenizerException.class)
                .hasMessageContainingAll("tokenizer_config.json", "eos_token");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "{} | no model.vocab",
                "[] | not a JSON object",
                "{\"model\":{\"vocab\":7}} | no model.vocab",
                "{\"model\":{\"vocab\":{\"a\":-1}}} | token id -1",
                "{\"model\":{\"vocab\":{\"a\":4000000000}}} | token id 4000000000",
                "{\"model\":{\"vocab\":{\"a\":\"b\"}}} | not a whole number",
                "{\"model\":{\"vocab\":{\"a\":0,\"a\":1}}} | Duplicate",
                "{\"model\":{\"vocab\":[[7]]}} | does not start with a text",
                "{\"version\":\"9\",\"model\":{\"type\":\"BPE\",\"vocab\":{},\"merges\":[]}} | version",
                "{\"version\":\"1.0\",\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":[\"a b\"]}} | out of vocabulary"
            })
    void refusesFilesOfOtherPrograms(String text, String part) {
        assertThatThrownBy(() -> of(text.strip()))
                .isInstanceOf(TokenizerException.class)
                .hasMessageContaining(part);
    }

    /** Each of these ended the JVM when given to the native library directly. */
    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "decoder | {\"type\":\"Strip\",\"content\":\"!\",\"start\":0,\"stop\":3}",
                "decoder | {\"type\":\"Sequence\",\"decoders\":[{\"type\":\"Strip\",\"content\":\"a\",\"start\":1,\"stop\":1}]}",
                "pre_tokenizer | {\"type\":\"FixedLength\",\"length\":0}",
                "normalizer | {\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"Prepend\",\"prepend\":\"\"},{\"type\":\"StripAccents\"}]}",
                "normalizer | {\"type\":\"Precompiled\",\"precompiled_charsmap\":\"AAAA\"}",
                "post_processor | {\"type\":\"TemplateProcessing\",\"single\":[{\"SpecialToken\":{\"id\":\"<s>\",\"type_id\":0}}],\"pair\":[],\"special_tokens\":{}}",
                "post_processor | {\"type\":\"TemplateProcessing\",\"single\":[{\"Sequence\":{\"id\":\"B\",\"type_id\":0}}],\"pair\":[],\"special_tokens\":{}}",
                "post_processor | {\"type\":\"TemplateProcessing\",\"single\":[],\"pair\":[],\"special_tokens\":{}}",
                "post_processor | {\"type\":\"Unknown\",\"single\":[{\"SpecialToken\":{\"id\":\"z\",\"type_id\":0}},{\"Sequence\":{\"id\":\"A\",\"type_id\":0}}],\"pair\":[],\"special_tokens\":{}}",
                "post_processor | {\"type\":true,\"single\":[{\"SpecialToken\":{\"id\":\"z\",\"type_id\":0}},{\"Sequence\":{\"id\":\"A\",\"type_id\":0}}],\"pair\":[],\"special_tokens\":{}}",
                "post_processor | {\"type\":\"TemplateProcessing\",\"single\":[{\"SpecialToken\":[\"a\",0]},{\"Sequence\":{\"id\":\"A\",\"type_id\":0}}],\"pair\":[],\"special_tokens\":{}}",
                "post_processor | {\"type\":\"TemplateProcessing\",\"single\":[{\"SpecialToken\":{\"id\":\"a\",\"type_id\":0}},{\"Sequence\":{\"id\":\"A\",\"type_id\":0}}],\"pair\":[],\"special_tokens\":{\"a\":{\"id\":\"b\",\"ids\":[0],\"tokens\":[\"a\"]}}}",
                "normalizer | {\"type\":\"Replace\",\"pattern\":{\"Regex\":\"b?\"},\"content\":\"x\"}",
                "decoder | {\"type\":\"Replace\",\"pattern\":{\"String\":\"\"},\"content\":\"x\"}",
                "pre_tokenizer | {\"type\":\"Split\",\"pattern\":{\"Regex\":\"(a+)+$\"},\"behavior\":\"Removed\",\"invert\":false}",
                "model | {\"type\":\"BPE\",\"continuing_subword_prefix\":\"##\",\"vocab\":{\"a\":0,\"b\":1,\"ab\":2},\"merges\":[\"a b\"]}"
            })
    void refusesSettingsThatEndTheJvm(String section, String value) {
        assertThatThrownBy(() -> of(json(section, value)))
                .isInstanceOf(TokenizerException.class)
                .hasMessageContaining("The tokenizer has");
    }

    /** Such a token is looked for as an empty text, also inside of characters of many bytes. */
    @Test
    void refusesAddedTokensOfWhichNothingIsLeft() throws IOException {
        String blank =
                "[{\"id\":3,\"content\":\" \",\"single_word\":false,\"lstrip\":false,"
                        + "\"rstrip\":false,\"normalized\":%b,\"special\":false}]";
        String strip = "{\"type\":\"Strip\",\"strip_left\":true,\"strip_right\":true}";
        String file = json("normalizer", strip);
        assertThatThrownBy(
                        () ->
                                of(
                                        file.replace(
                                                "\"added_tokens\":[]",
                                                "\"added_tokens\":" + blank.formatted(true))))
                .isInstanceOf(TokenizerException.class)
                .hasMessageContainingAll("added token ' '", "normalized");
        try (Tokenizer tokenizer =
                of(
                        file.replace(
                                "\"added_tokens\":[]",
                                "\"added_tokens\":" + blank.formatted(false)))) {
            assertThat(tokenizer.encode("ab éa")).containsExactly(2, 3, 0);
        }
    }

    @Test
    void refusesReplacementsThatMultiply() {
        String replace = "{\"type\":\"Replace\",\"pattern\":{\"String\":\"a\"},\"content\":\"aa\"}";
        assertThatThrownBy(
                        () ->
                                of(
                                        json(
                                                "normalizer",
                                                "{\"type\":\"Sequence\",\"normalizers\":["
                                                        + String.join(
                                                                ",",
                                                                Collections.nCopies(40, replace))
                                                        + "]}")))
                .isInstanceOf(TokenizerException.class)
                .hasMessageContaining("times as long");
    }

    @Test
    void refusesDeepAndLongPipelines() {
        assertThatThrownBy(() -> of(json("decoder", "[".repeat(100) + "]".repeat(100))))
                .isInstanceOf(TokenizerException.class);
        String many = "[" + String.join(",", Collections.nCopies(200_000, "0")) + "]";
        assertThatThrownBy(() -> of(json("decoder", many)))
                .isInstanceOf(TokenizerException.class)
                .hasMessageContaining("100000");
    }

    @Test
    void textWithoutTokensIsAnErrorAlone_andInAList() throws IOException {
        String words = "{\"type\":\"WordLevel\",\"vocab\":{\"a\":0},\"unk_token\":\"[UNK]\"}";
        try (Tokenizer tokenizer = of(json("model", words))) {
            assertThatThrownBy(() -> tokenizer.encode("zz"))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("UNK");
            assertThatThrownBy(() -> tokenizer.encodeAll(List.of("a", "zz"), true))
                    .isInstanceOf(IllegalArgumentException.class);
            assertThat(tokenizer.encode("a")).containsExactly(0);
        }
    }

    @Test
    void refusesSpecialTokensOutsideTheVocabulary() throws IOException {
        String roberta =
                "{\"type\":\"RobertaProcessing\",\"sep\":[\"</s>\",99],\"cls\":[\"<s>\",0],"
                        + "\"trim_offsets\":true,\"add_prefix_space\":true}";
        try (Tokenizer tokenizer = of(json("post_processor", roberta))) {
            assertThat(tokenizer.encode("ab", false)).containsExactly(2);
            assertThatThrownBy(() -> tokenizer.encode("ab"))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("99");
        }
    }

    @Test
    void threadsShareOneTokenizerAndCloseIsSafe() throws Exception {
        ExecutorService threads = Executors.newFixedThreadPool(4);
        try (Tokenizer tokenizer = Tokenizer.load(golden("models/llama"))) {
            int[] expected = tokenizer.encode("The cat sat on the mat.");
            List<Future<Integer>> results = new ArrayList<>();
            for (int t = 0; t < 4; t++) {
                results.add(
                        threads.submit(
                                () -> {
                                    int done = 0;
                                    try {
                                        for (; done < 1_000_000; done++) {
                                            assertThat(tokenizer.encode("The cat sat on the mat."))
                                                    .isEqualTo(expected);
                                        }
                                    } catch (IllegalStateException closed) {
                                        assertThat(closed).hasMessageContaining("closed");
                                    }
                                    return done;
                                }));
            }
            tokenizer.encodeAll(Collections.nCopies(2000, "some text"), true);
            tokenizer.close();
            tokenizer.close();
            for (Future<Integer> result : results) {
                assertThat(result.get()).isLessThan(1_000_000);
            }
            assertThatThrownBy(() -> tokenizer.decode(expected, true))
                    .isInstanceOf(IllegalStateException.class);
        } finally {
            threads.shutdownNow();
        }
    }
}
