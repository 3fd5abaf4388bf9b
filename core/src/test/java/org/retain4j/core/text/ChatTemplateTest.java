package org.retain4j.core.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.retain4j.core.text.jinja.Limits;
import org.retain4j.core.text.jinja.TemplateException;

/** Conversations as transformers writes them, and where the templates of a model come from. */
class ChatTemplateTest {

    private static final ObjectMapper MAPPER = new ObjectMapper();
    private static final List<Map<String, ?>> HELLO =
            List.of(Map.of("role", "user", "content", "Hello"));
    private static JsonNode golden;

    @TempDir Path folder;

    @BeforeAll
    static void read() throws IOException {
        golden = MAPPER.readTree(path("/org/retain4j/core/text/chat/cases.json").toFile());
    }

    private static Path path(String resource) {
        try {
            return Path.of(ChatTemplateTest.class.getResource(resource).toURI());
        } catch (URISyntaxException e) {
            throw new AssertionError(e);
        }
    }

    @SuppressWarnings("unchecked")
    private static ChatRequest request(JsonNode item) {
        return new ChatRequest(
                MAPPER.convertValue(item.get("messages"), List.class),
                item.has("tools") ? MAPPER.convertValue(item.get("tools"), List.class) : null,
                null,
                item.get("add_generation_prompt").booleanValue(),
                item.path("continue_final_message").asBoolean(),
                MAPPER.convertValue(item.get("variables"), Map.class));
    }

    private static ChatTemplate template(JsonNode item) throws TemplateException {
        String name = item.get("template").textValue();
        return ChatTemplate.of(golden.get("templates").get(name).textValue(), Map.of());
    }

    @Test
    void writesEveryConversationAsTransformersDoes() throws TemplateException {
        List<String> wrong = new ArrayList<>();
        int errors = 0;
        for (JsonNode item : golden.get("cases")) {
            String actual;
            try {
                actual = template(item).render(request(item));
            } catch (TemplateException e) {
                actual = e.getMessage();
                errors += e.raisedByTemplate() ? 1 : 0;
            }
            String key = item.has("error") ? "error_message" : "expected";
            if (!actual.equals(item.get(key).textValue())) {
                wrong.add(item.get("name") + " gives " + actual);
            }
        }
        assertThat(wrong).isEmpty();
        assertThat(golden.get("cases")).hasSize(294);
        assertThat(errors).isEqualTo(18);
    }

    @Test
    @SuppressWarnings("unchecked")
    void rendersTheProbesOfTheLanguage() {
        List<String> wrong = new ArrayList<>();
        for (JsonNode item : golden.get("jinja_probes")) {
            String actual;
            try {
                Map<String, ?> variables = MAPPER.convertValue(item.get("variables"), Map.class);
                Object messages = variables.get("messages");
                ChatTemplate template =
                        ChatTemplate.of(item.get("template_text").textValue(), Map.of());
                actual =
                        template.render(
                                ChatRequest.of(
                                                messages == null
                                                        ? List.of()
                                                        : (List<Map<String, ?>>) messages)
                                        .withVariables(variables));
            } catch (TemplateException e) {
                boolean own = item.path("error_type").asText().equals("TemplateError");
                actual = own ? e.getMessage() : item.path("error_message").asText();
            }
            String key = item.has("error") ? "error_message" : "expected";
            if (!actual.equals(item.get(key).textValue())) {
                wrong.add(item.get("name") + " gives " + actual);
            }
        }
        assertThat(wrong).isEmpty();
        assertThat(golden.get("jinja_probes")).hasSize(38);
    }

    @Test
    void marksTheTokensOfTheAssistant() throws IOException {
        Map<String, Tokenizer> tokenizers = new HashMap<>();
        tokenizers.put("models/smollm2", Tokenizer.load(path("/golden/models/smollm2")));
        tokenizers.put("models/llama3", Tokenizer.load(path("/golden/tokenizer/llama3")));
        try {
            for (JsonNode item : golden.get("assistant_mask_cases")) {
                String name = item.get("name").textValue();
                ChatRendering rendering = template(item).renderWithMask(request(item));
                List<List<Integer>> spans = new ArrayList<>();
                rendering.assistantSpans().forEach(s -> spans.add(List.of(s.start(), s.end())));
                ChatTokens tokens =
                        rendering.encode(tokenizers.get(item.get("tokenizer").textValue()));

                assertThat(rendering.text()).as(name).isEqualTo(item.get("expected").textValue());
                assertThat(MAPPER.valueToTree(spans).toString())
                        .as(name)
                        .isEqualTo(item.get("assistant_spans_code_points").toString());
                assertThat(tokens.ids())
                        .as(name)
                        .isEqualTo(MAPPER.convertValue(item.get("input_ids"), int[].class));
                assertThat(tokens.assistantMask())
                        .as(name)
                        .isEqualTo(MAPPER.convertValue(item.get("assistant_masks"), int[].class));
            }
        } finally {
            tokenizers.values().forEach(Tokenizer::close);
        }
        assertThat(golden.get("assistant_mask_cases")).hasSize(36);
    }

    @Test
    void everyTokenOfAnAssistantsLastCharacterCounts() throws IOException {
        ChatTemplate template =
                ChatTemplate.of(
                        "{% for m in messages %}a{% generation %}{{ m.content }}{% endgeneration %}b"
                                + "{% endfor %}",
                        Map.of());
        ChatRendering rendering =
                template.renderWithMask(
                        ChatRequest.of(List.of(Map.of("role", "assistant", "content", "x🦙"))));

        assertThat(rendering.assistantSpans()).containsExactly(new ChatRendering.Span(1, 3));
        try (Tokenizer tokenizer = Tokenizer.load(path("/golden/models/smollm2"))) {
            int[] mask = rendering.encode(tokenizer).assistantMask();
            assertThat(mask).startsWith(0, 1, 1).endsWith(1, 0).hasSizeGreaterThan(4);
            assertThat(java.util.Arrays.stream(mask).sum()).isEqualTo(mask.length - 2);
        }
    }

    @Test
    void spansEndWhereAContinuedMessageDoes() throws TemplateException {
        ChatTemplate template =
                ChatTemplate.of(
                        "{% for m in messages %}{% generation %}{{ m.content }}<end>{% endgeneration"
                                + " %}{% endfor %}",
                        Map.of());
        ChatRendering rendering =
                template.renderWithMask(ChatRequest.of(HELLO).continuingFinalMessage());

        assertThat(rendering.text()).isEqualTo("Hello");
        assertThat(rendering.assistantSpans()).containsExactly(new ChatRendering.Span(0, 5));
    }

    @Test
    void continuesTheLastTextOfSeveralParts() throws TemplateException {
        ChatTemplate template =
                ChatTemplate.of(
                        "{% for m in messages %}{% for p in m.content %}{{ p.text or '<image>' }}"
                                + "{% endfor %}<end>{% endfor %}",
                        Map.of());
        List<Map<String, ?>> messages =
                List.of(
                        Map.of(
                                "role",
                                "assistant",
                                "content",
                                List.of(
                                        Map.of("type", "text", "text", "a "),
                                        Map.of("type", "image"))));

        assertThat(template.render(ChatRequest.of(messages).continuingFinalMessage()))
                .isEqualTo("a ");
    }

    @Test
    void saysWhyAMessageCannotBeContinued() throws TemplateException {
        ChatTemplate nothing = ChatTemplate.of("x", Map.of());

        assertThatThrownBy(() -> nothing.render(ChatRequest.of(HELLO).continuingFinalMessage()))
                .isInstanceOf(TemplateException.class)
                .hasMessageContaining("does not write it");
        assertThatThrownBy(() -> nothing.render(ChatRequest.of(List.of()).continuingFinalMessage()))
                .isInstanceOf(TemplateException.class)
                .hasMessageContaining("has no text");
        assertThatThrownBy(
                        () -> ChatRequest.of(HELLO).withGenerationPrompt().continuingFinalMessage())
                .isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void theTemplateSeesWhatTransformersGivesIt() throws TemplateException {
        ChatTemplate template =
                ChatTemplate.of(
                        "{{ [bos_token, messages, tools, documents, add_generation_prompt, x] }}",
                        Map.of("bos_token", "<s>", "x", "token"));

        assertThat(
                        template.render(
                                ChatRequest.of(List.of())
                                        .withDocuments(List.of(Map.of("title", "t")))
                                        .withGenerationPrompt()
                                        .withVariables(Map.of("x", 1))))
                .isEqualTo("['<s>', [], None, [{'title': 't'}], True, 1]");
    }

    @Test
    void theClockAndTheLimitsCanBeSet() throws TemplateException {
        ChatTemplate template = ChatTemplate.of("{{ strftime_now('%d %b %Y') }}", Map.of());
        Clock clock = Clock.fixed(Instant.parse("2024-07-26T00:00:00Z"), ZoneOffset.UTC);

        assertThat(template.withClock(clock).render(ChatRequest.of(HELLO)))
                .isEqualTo("26 Jul 2024");
        assertThatThrownBy(
                        () ->
                                template.withLimits(new Limits(5, Limits.DEFAULT.time(), 10, 1000))
                                        .render(ChatRequest.of(HELLO)))
                .isInstanceOf(TemplateException.class)
                .hasMessageContaining("5 characters");
    }

    private void write(String name, String text) throws IOException {
        Path file = folder.resolve(name);
        Files.createDirectories(file.getParent());
        Files.writeString(file, text);
    }

    @Test
    void readsATemplateAndTheSpecialTokensOfTheConfiguration() throws IOException {
        write(
                "tokenizer_config.json",
                """
                {"chat_template": "{{ bos_token ~ eos_token ~ pad_token }}{{ unk_token is defined }}",
                 "bos_token": {"content": "<s>", "lstrip": false}, "eos_token": "</s>",
                 "unk_token": null}""");
        write("special_tokens_map.json", "{\"pad_token\": \"<pad>\", \"bos_token\": \"<old>\"}");

        ChatTemplate template = ChatTemplate.load(folder);

        assertThat(template.names()).containsExactly("default");
        assertThat(template.render(ChatRequest.of(HELLO))).isEqualTo("<s></s><pad>False");
    }

    @Test
    void choosesAmongNamedTemplates() throws IOException {
        write(
                "tokenizer_config.json",
                """
                {"chat_template": [{"name": "default", "template": "D"},
                 {"name": "tool_use", "template": "T"}, {"name": "rag", "template": "R"}]}""");

        ChatTemplate template = ChatTemplate.load(folder);
        ChatRequest plain = ChatRequest.of(HELLO);

        assertThat(template.names()).containsExactly("default", "tool_use", "rag");
        assertThat(template.render(plain)).isEqualTo("D");
        assertThat(template.render(plain.withTools(List.of()))).isEqualTo("T");
        assertThat(template.named("rag").render(plain.withTools(List.of()))).isEqualTo("R");
        assertThatThrownBy(() -> template.named("rga"))
                .isInstanceOf(TemplateException.class)
                .hasMessage(
                        "There is no chat template named \"rga\", the names are [default, tool_use,"
                                + " rag]");
    }

    @Test
    void templateFilesWinOverTheConfiguration() throws IOException {
        write("tokenizer_config.json", "{\"chat_template\": \"C\", \"bos_token\": \"<s>\"}");
        write("chat_template.jinja", "F{{ bos_token }}\r\n");
        write("additional_chat_templates/rag.jinja", "R");

        ChatTemplate template = ChatTemplate.load(folder);

        assertThat(template.render(ChatRequest.of(HELLO))).isEqualTo("F<s>");
        assertThat(template.names()).containsExactly("default", "rag");
        assertThat(template.named("rag").render(ChatRequest.of(HELLO))).isEqualTo("R");
    }

    @Test
    void withoutADefaultOneMustBeChosen() throws IOException {
        write("additional_chat_templates/rag.jinja", "R");

        assertThatThrownBy(() -> ChatTemplate.load(folder).render(ChatRequest.of(HELLO)))
                .isInstanceOf(TemplateException.class)
                .hasMessageContaining("choose one of [rag]");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "{}",
                "{\"chat_template\": null}",
                "{\"chat_template\": 5}",
                "{\"chat_template\": [{\"name\": \"x\"}]}",
                "{\"chat_template\": \"{% if %}\"}",
                "[]",
                "{"
            })
    void namesTheFileThatHoldsNoTemplate(String config) throws IOException {
        write("tokenizer_config.json", config);

        assertThatThrownBy(() -> ChatTemplate.load(folder))
                .isInstanceOf(TemplateException.class)
                .hasMessageContaining("tokenizer_config.json");
    }

    @Test
    void namesAFileThatIsNotText() throws IOException {
        Files.write(folder.resolve("chat_template.jinja"), new byte[] {(byte) 0xff});

        assertThatThrownBy(() -> ChatTemplate.load(folder))
                .isInstanceOf(TemplateException.class)
                .hasMessageContaining("chat_template.jinja is not text in UTF-8");
    }

    @Test
    void loadsTheTemplateOfAModelFolder() throws IOException {
        assertThat(ChatTemplate.load(path("/golden/models/smollm2")).names()).contains("default");
    }

    @Test
    void readsRequestsFromJson() throws TemplateException {
        ChatTemplate template =
                ChatTemplate.of("{{ messages | tojson }}{{ tools }}{{ documents }}", Map.of());

        assertThat(template.render(ChatRequest.parse("[{\"z\": 1.0, \"a\": null}]", "m.json")))
                .isEqualTo("[{\"z\": 1.0, \"a\": null}]NoneNone");
        assertThat(
                        template.render(
                                ChatRequest.parse(
                                        "{\"messages\": [], \"tools\": [1], \"documents\": [2]}",
                                        "m.json")))
                .isEqualTo("[][1][2]");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "{",
                "5",
                "[1]",
                "{\"messages\": 5}",
                "{\"messages\": [], \"tools\": {}}",
                "[] []"
            })
    void refusesRequestsThatAreNone(String json) {
        assertThatThrownBy(() -> ChatRequest.parse(json, "m.json"))
                .isInstanceOf(TemplateException.class)
                .hasMessageContaining("m.json");
    }

    @Test
    void refusesJsonThatIsNestedTooDeep() throws TemplateException {
        ChatTemplate template = ChatTemplate.of("{{ messages }}", Map.of());
        String deep = "[{\"a\":" + "[".repeat(500) + "]".repeat(500) + "}]";

        ChatRequest request = ChatRequest.parse(deep, "m.json");
        assertThatThrownBy(() -> template.render(request))
                .isInstanceOf(TemplateException.class)
                .hasMessageContaining("levels");
    }
}
