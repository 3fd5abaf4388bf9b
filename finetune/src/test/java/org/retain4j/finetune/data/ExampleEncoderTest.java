package org.retain4j.finetune.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.retain4j.core.text.Tokenizer;
import org.retain4j.finetune.TrainRow;

class ExampleEncoderTest {

    private static final Path MODELS = Path.of("../core/src/test/resources/golden/models");
    private static final JsonNode FIXTURE = fixture();
    private static final EncodingOptions PLAIN = EncodingOptions.defaults();

    private static JsonNode fixture() {
        try (InputStream in =
                Objects.requireNonNull(
                        ExampleEncoderTest.class.getResourceAsStream("assistant_masks.json"))) {
            return new JsonMapper().readTree(in);
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }

    static Stream<JsonNode> maskCases() {
        return FIXTURE.get("cases").valueStream();
    }

    private static Map<String, ?> message(String role, String content) {
        return Map.of("role", role, "content", content);
    }

    private static Example.Conversation chat(List<Map<String, ?>> messages) {
        List<Boolean> counts =
                messages.stream().map(m -> "assistant".equals(m.get("role"))).toList();
        return new Example.Conversation(messages, counts, null, Map.of());
    }

    private static Example.Conversation twoTurns() {
        return chat(
                List.of(
                        message("user", "Hi?"),
                        message("assistant", "Yes."),
                        message("user", "Oh"),
                        message("assistant", "No.")));
    }

    /** The pieces of text that count, one for each run of tokens. */
    private static List<String> counted(Tokenizer tokenizer, TrainRow row) {
        List<String> parts = new ArrayList<>();
        List<Integer> run = new ArrayList<>();
        for (int i = 0; i <= row.ids().length; i++) {
            if (i < row.ids().length && row.weights()[i] > 0) {
                run.add(row.ids()[i]);
            } else if (!run.isEmpty()) {
                parts.add(
                        tokenizer.decode(
                                run.stream().mapToInt(Integer::intValue).toArray(), false));
                run.clear();
            }
        }
        return parts;
    }

    private static TrainRow one(ExampleEncoder encoder, Example example) throws IOException {
        List<TrainRow> rows = encoder.encode(example);
        assertThat(rows).hasSize(1);
        return rows.get(0);
    }

    private static List<String> countedIn(String model, Example example) throws IOException {
        try (Tokenizer tokenizer = Tokenizer.load(MODELS.resolve(model))) {
            ExampleEncoder encoder =
                    ExampleEncoder.of(tokenizer, ChatFormat.load(MODELS.resolve(model)), PLAIN);
            return counted(tokenizer, one(encoder, example));
        }
    }

    @ParameterizedTest
    @MethodSource("maskCases")
    void masksAreThoseOfTransformers(JsonNode test) throws IOException {
        assertMask(test, FIXTURE.get("templates").get(test.get("template").asText()).asText());
    }

    /** Without the marks the turns are found by comparing renderings, which must agree. */
    @ParameterizedTest
    @MethodSource("maskCases")
    void masksAreTheSameWithoutGenerationBlocks(JsonNode test) throws IOException {
        String template = FIXTURE.get("templates").get(test.get("template").asText()).asText();
        String plain = template.replaceAll("(?s)\\{%-? (end)?generation %\\}", "");
        assertThat(plain).isNotEqualTo(template);
        assertMask(test, plain.replaceAll("\\n\\s*\\n", "\n"));
    }

    private static void assertMask(JsonNode test, String template) throws IOException {
        JsonMapper json = new JsonMapper();
        List<Map<String, ?>> messages = new ArrayList<>();
        for (JsonNode message : test.get("messages")) {
            messages.add(json.convertValue(message, Map.class));
        }
        Map<String, Object> variables = json.convertValue(test.get("variables"), Map.class);
        Path model = MODELS.resolveSibling(test.get("tokenizer").asText());
        try (Tokenizer tokenizer = Tokenizer.load(model)) {
            ExampleEncoder encoder =
                    ExampleEncoder.of(
                            tokenizer,
                            ChatFormat.of(template, Map.of()),
                            PLAIN.withVariables(variables));
            TrainRow row = one(encoder, chat(messages));
            assertThat(row.ids()).isEqualTo(json.convertValue(test.get("input_ids"), int[].class));
            assertThat(row.weights())
                    .isEqualTo(json.convertValue(test.get("assistant_masks"), float[].class));
        }
    }

    @Test
    void turnsAreFoundInTheTemplatesOfManyFamilies() throws IOException {
        assertThat(countedIn("smollm2", twoTurns()))
                .containsExactly("Yes.<|im_end|>", "No.<|im_end|>");
        assertThat(countedIn("llama3", twoTurns()))
                .containsExactly("Yes.<|eot_id|>", "No.<|eot_id|>");
        assertThat(countedIn("llama", twoTurns())).containsExactly("Yes.</s>", "No.</s>");
        assertThat(countedIn("mistral", twoTurns())).containsExactly("Yes.</s>", "No.</s>");
        assertThat(countedIn("gemma2", twoTurns()))
                .containsExactly("Yes.<end_of_turn>", "No.<end_of_turn>");
        // this template writes the end token after the last turn alone; the blank is the decoder's
        assertThat(countedIn("phi3", twoTurns()))
                .containsExactly("Yes.<|end|>", "No.<|end|> \n<|endoftext|>");
    }

    @Test
    void idsAndWeightsOfAChatAreThoseWorkedOutByHand() throws IOException {
        try (Tokenizer tokenizer = Tokenizer.load(MODELS.resolve("smollm2"))) {
            ExampleEncoder encoder =
                    ExampleEncoder.of(tokenizer, ChatFormat.load(MODELS.resolve("smollm2")), PLAIN);
            TrainRow row =
                    one(encoder, chat(List.of(message("user", "Hi"), message("assistant", "ab"))));
            List<String> tokens = new ArrayList<>();
            for (int id : row.ids()) {
                tokens.add(tokenizer.decode(new int[] {id}, false));
            }
            int answer = tokens.lastIndexOf("<|im_end|>");
            assertThat(String.join("", tokens))
                    .isEqualTo(
                            "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nab<|im_end|>\n");
            assertThat(row.weights()[answer]).isEqualTo(1);
            assertThat(row.weights()[answer + 1]).isZero();
            assertThat(tokens.get(answer - 1)).isEqualTo("b");
            assertThat(row.weights()[answer - 2]).isEqualTo(1);
            assertThat(row.totalWeight()).isEqualTo(3);
        }
    }

    @Test
    void aTurnThatTheTemplateRewritesLaterDoesNotCount() throws IOException {
        String template = FIXTURE.get("templates").get("qwen3_thinking").asText();
        try (Tokenizer tokenizer = Tokenizer.load(MODELS.resolve("qwen3"))) {
            ExampleEncoder encoder =
                    ExampleEncoder.of(tokenizer, ChatFormat.of(template, Map.of()), PLAIN);
            Example.Conversation chat =
                    chat(
                            List.of(
                                    message("user", "a"),
                                    message("assistant", "<think>\nold\n</think>\n\nfirst"),
                                    message("user", "b"),
                                    message("assistant", "<think>\nnew\n</think>\n\nlast")));
            assertThat(counted(tokenizer, one(encoder, chat)))
                    .containsExactly("<think>\nnew\n</think>\n\nlast<|im_end|>");
            List<Map<String, ?>> onlyFirst = chat.messages();
            assertThatExceptionOfType(DataException.class)
                    .isThrownBy(
                            () ->
                                    encoder.encode(
                                            new Example.Conversation(
                                                    onlyFirst,
                                                    List.of(false, true, false, false),
                                                    null,
                                                    Map.of())))
                    .withMessageContaining("writes every turn of the assistant differently")
                    .withMessageContaining("{% generation %}");
        }
    }

    @Test
    void aPromptThatOpensMoreThanTheTurnIsComparedAsFarAsItGoes() throws IOException {
        String template =
                "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n"
                        + "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n"
                        + "[think]{% endif %}";
        try (Tokenizer tokenizer = Tokenizer.load(MODELS.resolve("smollm2"))) {
            ExampleEncoder encoder =
                    ExampleEncoder.of(tokenizer, ChatFormat.of(template, Map.of()), PLAIN);
            assertThat(counted(tokenizer, one(encoder, twoTurns())))
                    .containsExactly("Yes.<|im_end|>", "No.<|im_end|>");
        }
    }

    @Test
    void aConversationTooLongToCompareIsAProblem() throws IOException {
        List<Map<String, ?>> many = new ArrayList<>();
        for (int i = 0; i < 501; i++) {
            many.add(message("user", "q"));
            many.add(message("assistant", "a"));
        }
        assertThatExceptionOfType(DataException.class)
                .isThrownBy(() -> countedIn("smollm2", chat(many)))
                .withMessageContaining("1002 messages");
        List<Map<String, ?>> large = new ArrayList<>(many.subList(0, 600));
        large.set(0, message("user", "x".repeat(2_000_000)));
        assertThatExceptionOfType(DataException.class)
                .isThrownBy(() -> countedIn("smollm2", chat(large)))
                .withMessageContaining("600 messages and 20")
                .withMessageContaining("split it");
    }

    @Test
    void weightsOfMessagesChooseTurnsInBothKindsOfTemplates() throws IOException {
        Example.Conversation second =
                new Example.Conversation(
                        twoTurns().messages(), List.of(false, false, false, true), null, Map.of());
        assertThat(countedIn("smollm2", second)).containsExactly("No.<|im_end|>");
        String marked = FIXTURE.get("templates").get("chatml_generation").asText();
        try (Tokenizer tokenizer = Tokenizer.load(MODELS.resolve("smollm2"))) {
            ExampleEncoder encoder =
                    ExampleEncoder.of(tokenizer, ChatFormat.of(marked, Map.of()), PLAIN);
            assertThat(counted(tokenizer, one(encoder, second))).containsExactly("No.<|im_end|>");
        }
    }

    @Test
    void conversationsNeedATemplateThatTakesThem() throws IOException {
        try (Tokenizer tokenizer = Tokenizer.load(MODELS.resolve("gpt2"))) {
            ExampleEncoder encoder = ExampleEncoder.of(tokenizer, null, PLAIN);
            assertThatExceptionOfType(DataException.class)
                    .isThrownBy(() -> encoder.encode(twoTurns()))
                    .withMessageContaining("has no chat template");
        }
        assertThatExceptionOfType(DataException.class)
                .isThrownBy(
                        () ->
                                countedIn(
                                        "gemma2",
                                        chat(
                                                List.of(
                                                        message("system", "s"),
                                                        message("assistant", "a")))))
                .withMessageContaining("the chat template refuses the row: System role not");
    }

    @Test
    void alpacaIsWrittenWithTheChatTemplateOrTheAlpacaPrompt() throws IOException {
        Example row = new Example.Instruction("Add", "1 2", "3", null, List.of());
        assertThat(countedIn("smollm2", row)).containsExactly("3<|im_end|>");
        try (Tokenizer tokenizer = Tokenizer.load(MODELS.resolve("gpt2"))) {
            ExampleEncoder encoder = ExampleEncoder.of(tokenizer, null, PLAIN);
            TrainRow plain = one(encoder, row);
            assertThat(tokenizer.decode(plain.ids(), false))
                    .isEqualTo(
                            "Below is an instruction that describes a task, paired with an input"
                                    + " that provides further context. Write a response that"
                                    + " appropriately completes the request.\n\n### Instruction:\n"
                                    + "Add\n\n### Input:\n1 2\n\n### Response:3<|endoftext|>");
            assertThat(counted(tokenizer, plain)).containsExactly("3<|endoftext|>");
            assertThatExceptionOfType(DataException.class)
                    .isThrownBy(
                            () ->
                                    encoder.encode(
                                            new Example.Instruction("a", "", "b", "s", List.of())))
                    .withMessageContaining("system prompt or a history");
        }
    }

    @Test
    void completionsAreLearnedWithTheirEndToken() throws IOException {
        try (Tokenizer tokenizer = Tokenizer.load(MODELS.resolve("llama"))) {
            ExampleEncoder encoder = ExampleEncoder.of(tokenizer, null, PLAIN);
            TrainRow row = one(encoder, new Example.Completion("Say", " hello"));
            // <s> S ay _ he l l o </s>, as the tokenizer's golden ids have them
            assertThat(row.ids()).containsExactly(1, 54, 321, 224, 260, 79, 79, 82, 2);
            assertThat(row.weights()).containsExactly(0, 0, 0, 1, 1, 1, 1, 1, 1);
            TrainRow all =
                    one(
                            ExampleEncoder.of(tokenizer, null, PLAIN.withLossOnAll(true)),
                            new Example.Completion("Say", " hello"));
            assertThat(all.ids()).isEqualTo(row.ids());
            assertThat(all.weights()).containsExactly(0, 1, 1, 1, 1, 1, 1, 1, 1);
            TrainRow open =
                    one(
                            ExampleEncoder.of(tokenizer, null, PLAIN.withAppendEos(false)),
                            new Example.Completion("Say", " hello"));
            assertThat(open.ids()).containsExactly(1, 54, 321, 224, 260, 79, 79, 82);
            TrainRow spelled = one(encoder, new Example.Completion("Say", " hello</s>"));
            assertThat(spelled.ids()).isEqualTo(row.ids());
        }
    }

    @Test
    void aTokenAcrossTheBoundaryCountsAndIsNoted() throws Exception {
        try (Tokenizer tokenizer = Tokenizer.load(MODELS.resolve("llama"))) {
            ExampleEncoder encoder = ExampleEncoder.of(tokenizer, null, PLAIN);
            // "lo wor" has the tokens " w" and "or"; the prompt takes the space of the first
            Encoded encoded = encoder.encoded(new Example.Completion("lo ", "world"));
            TrainRow row = encoded.rows().get(0);
            assertThat(row.ids()).containsExactly(1, 79, 82, 264, 304, 312, 2);
            assertThat(row.weights()).containsExactly(0, 0, 0, 1, 1, 1, 1);
            assertThat(encoded.merged()).isTrue();
            assertThat(encoder.encoded(new Example.Completion("lo", " world")).merged()).isFalse();
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"phi3", "mistral", "gemma2", "gpt2", "qwen3", "llama3", "smollm2"})
    void theBoundaryIsRightInEveryKindOfTokenizer(String model) throws IOException {
        try (Tokenizer tokenizer = Tokenizer.load(MODELS.resolve(model))) {
            ExampleEncoder encoder = ExampleEncoder.of(tokenizer, null, PLAIN.withAppendEos(false));
            TrainRow row = one(encoder, new Example.Completion("Frage: é?\n", "Antwört 😀"));
            assertThat(String.join("", counted(tokenizer, row)).strip()).isEqualTo("Antwört 😀");
        }
    }

    @Test
    void textsCountAsAWhole() throws IOException {
        try (Tokenizer tokenizer = Tokenizer.load(MODELS.resolve("llama"))) {
            ExampleEncoder encoder = ExampleEncoder.of(tokenizer, null, PLAIN);
            TrainRow row = one(encoder, new Example.Text("Say"));
            assertThat(row.ids()).containsExactly(1, 54, 321, 2);
            assertThat(row.weights()).containsExactly(0, 1, 1, 1);
        }
    }

    @Test
    void tokensAreCheckedAgainstTheVocabulary() throws IOException {
        try (Tokenizer tokenizer = Tokenizer.load(MODELS.resolve("llama"))) {
            ExampleEncoder encoder = ExampleEncoder.of(tokenizer, null, PLAIN);
            TrainRow row =
                    one(encoder, new Example.Tokens(new int[] {4, 5, 6}, new float[] {0, 0, 1}));
            assertThat(row.ids()).containsExactly(4, 5, 6);
            assertThat(row.weights()).containsExactly(0, 0, 1);
            int size = tokenizer.vocabularySize();
            assertThatExceptionOfType(DataException.class)
                    .isThrownBy(
                            () ->
                                    encoder.encode(
                                            new Example.Tokens(
                                                    new int[] {4, size}, new float[] {0, 1})))
                    .withMessageContaining("holds " + size)
                    .withMessageContaining("vocabulary of " + size);
            assertThatExceptionOfType(DataException.class)
                    .isThrownBy(
                            () ->
                                    encoder.encode(
                                            new Example.Tokens(
                                                    new int[] {4, 5}, new float[] {0, 0})))
                    .withMessageContaining("no token counts");
        }
    }

    @Test
    void longExamplesAreCutAsAskedFor() throws Exception {
        try (Tokenizer tokenizer = Tokenizer.load(MODELS.resolve("llama"))) {
            Example tokens =
                    new Example.Tokens(
                            new int[] {10, 11, 12, 13, 14, 15, 16},
                            new float[] {0, 1, 0, 1, 1, 0, 1});
            EncodingOptions four = PLAIN.withMaxLength(4);
            TrainRow right = one(ExampleEncoder.of(tokenizer, null, four), tokens);
            assertThat(right.ids()).containsExactly(10, 11, 12, 13);
            assertThat(right.weights()).containsExactly(0, 1, 0, 1);
            TrainRow left =
                    one(
                            ExampleEncoder.of(
                                    tokenizer, null, four.withTruncation(Truncation.LEFT)),
                            tokens);
            assertThat(left.ids()).containsExactly(13, 14, 15, 16);
            assertThat(left.weights()).containsExactly(0, 1, 0, 1);
            List<TrainRow> split =
                    ExampleEncoder.of(tokenizer, null, four.withTruncation(Truncation.SPLIT))
                            .encode(tokens);
            assertThat(split).hasSize(2);
            assertThat(split.get(1).ids()).containsExactly(13, 14, 15, 16);
            assertThat(split.stream().mapToDouble(TrainRow::totalWeight).sum()).isEqualTo(4);
            ExampleEncoder drop =
                    ExampleEncoder.of(tokenizer, null, four.withTruncation(Truncation.DROP));
            assertThat(drop.encode(tokens)).isEmpty();
            assertThat(drop.encoded(tokens).cut()).isTrue();
            assertThatExceptionOfType(DataException.class)
                    .isThrownBy(
                            () ->
                                    ExampleEncoder.of(
                                                    tokenizer,
                                                    null,
                                                    four.withTruncation(Truncation.of("error")))
                                            .encode(tokens))
                    .withMessageContaining("7 tokens, more than max_length 4");
            assertThatExceptionOfType(DataException.class)
                    .isThrownBy(
                            () ->
                                    ExampleEncoder.of(tokenizer, null, four)
                                            .encode(new Example.Completion("a b c d e f", " g")))
                    .withMessageContaining("no token counts after cutting");
        }
    }

    @Test
    void splittingATextPredictsEveryTokenOnce() throws IOException {
        try (Tokenizer tokenizer = Tokenizer.load(MODELS.resolve("llama"))) {
            String text = "one two three four five six seven eight nine ten";
            TrainRow whole = one(ExampleEncoder.of(tokenizer, null, PLAIN), new Example.Text(text));
            for (int max = 2; max <= whole.ids().length; max++) {
                List<TrainRow> rows =
                        ExampleEncoder.of(tokenizer, null, PLAIN.withMaxLength(max))
                                .encode(new Example.Text(text));
                assertThat(rows).allMatch(row -> row.ids().length >= 2);
                assertThat(rows.stream().mapToDouble(TrainRow::totalWeight).sum())
                        .as("max_length %d", max)
                        .isEqualTo(whole.ids().length - 1);
            }
        }
    }

    @Test
    void theFirstExampleCanBeReadWithItsMask() throws IOException {
        try (Tokenizer tokenizer = Tokenizer.load(MODELS.resolve("smollm2"))) {
            ExampleEncoder encoder =
                    ExampleEncoder.of(tokenizer, ChatFormat.load(MODELS.resolve("smollm2")), PLAIN);
            String text =
                    encoder.describe(
                            one(
                                    encoder,
                                    chat(
                                            List.of(
                                                    message("user", "Wie?"),
                                                    message("assistant", "Sö 😀!")))));
            assertThat(text)
                    .startsWith(
                            "<|im_start|>user\nWie?<|im_end|>\n<|im_start|>assistant\n"
                                    + "«Sö 😀!<|im_end|>»\n")
                    .endsWith("tokens count, in «»)");
        }
    }

    @Test
    void toolsAndVariablesReachTheTemplate() throws IOException {
        String template =
                "{{ tools[0].name }} {{ style }} {{ strftime_now('%Y') }}"
                        + "{% for m in messages %} {{ m.role }}: {{ m.content }};{% endfor %}"
                        + "{% if add_generation_prompt %} assistant:{% endif %}";
        try (Tokenizer tokenizer = Tokenizer.load(MODELS.resolve("llama"))) {
            ExampleEncoder encoder =
                    ExampleEncoder.of(
                            tokenizer,
                            ChatFormat.of(template, Map.of()),
                            PLAIN.withVariables(Map.of("style", "default")));
            Example.Conversation row =
                    new Example.Conversation(
                            List.of(message("user", "q"), message("assistant", "a")),
                            List.of(false, true),
                            List.of(Map.of("name", "f")),
                            Map.of("style", "own"));
            TrainRow encoded = one(encoder, row);
            assertThat(tokenizer.decode(encoded.ids(), false))
                    .isEqualTo("f own 2024 user: q; assistant: a;");
            assertThat(counted(tokenizer, encoded)).containsExactly(" a;");
        }
    }

    @Test
    void impossibleOptionsAreRefused() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> PLAIN.withMaxLength(1))
                .withMessageContaining("max_length is 1");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Truncation.of("middle"))
                .withMessageContaining("\"middle\"");
    }
}
