package org.retain4j.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.retain4j.cli.usage.UsageException;
import org.retain4j.core.text.ChatRendering;
import org.retain4j.core.text.ChatRequest;
import org.retain4j.core.text.ChatTemplate;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Option;

/** Writes a conversation with a chat template. */
@Command(
        name = "template",
        description = {
            "Prints a conversation as a model reads it: the rendering of its chat template, to the"
                    + " byte.",
            ""
        },
        optionListHeading = "Options:%n",
        sortOptions = false,
        exitCodeListHeading = "%nExit codes:%n",
        exitCodeList = {
            "0:done",
            "1:failed, or the template refused the conversation; the message is its own",
            "2:wrong usage"
        },
        footer = {
            "",
            "Examples:",
            "  retain4j template --model SmolLM2-135M-Instruct --messages chat.json",
            "  retain4j template --template chat.jinja --messages chat.json --set bos_token=<s>",
            "  retain4j template --model DIR --messages chat.json --tools tools.json"
                    + " --add-generation-prompt"
        })
final class TemplateCommand implements Callable<Integer> {

    private static final int MAX_BYTES = 64 << 20;
    private static final JsonMapper JSON =
            JsonMapper.builder().enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS).build();

    private final Console console;

    @Option(
            names = "--model",
            paramLabel = "DIR",
            description = "A model folder: its chat template and special tokens.")
    private @Nullable String model;

    @Option(
            names = "--template",
            paramLabel = "FILE",
            description = "A chat template in Jinja; with --model, in place of that of the folder.")
    private @Nullable String template;

    @Option(
            names = "--messages",
            paramLabel = "FILE",
            description =
                    "JSON: an array of messages, or an object with messages and, if wanted, tools"
                            + " and documents.")
    private @Nullable String messages;

    @Option(
            names = "--tools",
            paramLabel = "FILE",
            description = "A JSON array of descriptions of functions.")
    private @Nullable String tools;

    @Option(
            names = "--documents",
            paramLabel = "FILE",
            description = "A JSON array of documents to answer from.")
    private @Nullable String documents;

    @Option(
            names = "--name",
            paramLabel = "NAME",
            description =
                    "Which template of the folder, if it has several. Default: tool_use with tools"
                            + " if there is one, else default")
    private @Nullable String name;

    @Option(
            names = "--add-generation-prompt",
            description = "End with the beginning of the assistant's next turn.")
    private boolean addGenerationPrompt;

    @Option(
            names = "--continue-final-message",
            description = "End right after the content of the last message.")
    private boolean continueFinalMessage;

    @Option(
            names = "--set",
            paramLabel = "KEY=VALUE",
            description = "A variable of the template, JSON or else text; can be repeated.")
    private List<String> variables = new ArrayList<>();

    @Option(
            names = "--mask",
            description =
                    "Print JSON: the text, and the parts that the assistant wrote, in code points.")
    private boolean mask;

    TemplateCommand(Console console) {
        this.console = console;
    }

    @Override
    public Integer call() throws IOException {
        if (model == null && template == null) {
            throw new UsageException("no template given, use --model DIR or --template FILE");
        }
        if (messages == null) {
            throw new UsageException("no conversation given, use --messages FILE");
        }
        if (name != null && template != null) {
            throw new UsageException(
                    "--name chooses among the templates of --model, not --template");
        }
        if (addGenerationPrompt && continueFinalMessage) {
            throw new UsageException(
                    "--add-generation-prompt and --continue-final-message exclude each other");
        }
        Map<String, @Nullable Object> values = values();
        ChatTemplate chat = chatTemplate();
        ChatRendering rendering = chat.renderWithMask(request(messages, values));
        console.result(mask ? json(rendering) : rendering.text());
        return ExitCode.OK;
    }

    private ChatTemplate chatTemplate() throws IOException {
        Path folder = model == null ? null : Inputs.path("--model", model);
        if (folder != null && !Files.isDirectory(folder)) {
            throw new UsageException("--model: " + folder + " is not a folder");
        }
        if (template != null) {
            return ChatTemplate.of(
                    text("--template", template),
                    folder == null ? Map.of() : ChatTemplate.specialTokens(folder));
        }
        ChatTemplate chat = ChatTemplate.load(Objects.requireNonNull(folder));
        return name == null ? chat : chat.named(name);
    }

    private ChatRequest request(String file, Map<String, @Nullable Object> values)
            throws IOException {
        ChatRequest request =
                ChatRequest.parse(text("--messages", file), file).withVariables(values);
        if (tools != null) {
            request = request.withTools(ChatRequest.parseList(text("--tools", tools), tools));
        }
        if (documents != null) {
            request =
                    request.withDocuments(
                            ChatRequest.parseList(text("--documents", documents), documents));
        }
        if (addGenerationPrompt) {
            request = request.withGenerationPrompt();
        }
        return continueFinalMessage ? request.continuingFinalMessage() : request;
    }

    private Map<String, @Nullable Object> values() {
        Map<String, @Nullable Object> values = new LinkedHashMap<>();
        for (String variable : variables) {
            int equals = variable.indexOf('=');
            if (equals < 1) {
                throw new UsageException("--set needs KEY=VALUE, is \"" + variable + "\"");
            }
            values.put(variable.substring(0, equals), value(variable.substring(equals + 1)));
        }
        return values;
    }

    private static @Nullable Object value(String text) {
        try {
            return text.isBlank() ? text : JSON.readValue(text, Object.class);
        } catch (JsonProcessingException e) {
            return text;
        }
    }

    private static String text(String option, String name) throws IOException {
        Path file = Inputs.path(option, name);
        if (!Files.isRegularFile(file)) {
            throw new UsageException(
                    option
                            + ": "
                            + file
                            + (Files.exists(file) ? " is not a regular file" : " does not exist"));
        }
        byte[] bytes;
        try (InputStream in = Files.newInputStream(file)) {
            bytes = in.readNBytes(MAX_BYTES + 1);
        }
        if (bytes.length > MAX_BYTES) {
            throw new UsageException(
                    option + ": " + file + " is larger than " + MAX_BYTES + " bytes, the limit");
        }
        try {
            return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString();
        } catch (CharacterCodingException e) {
            throw new UsageException(option + ": " + file + " is not text in UTF-8");
        }
    }

    private static String json(ChatRendering rendering) throws JsonProcessingException {
        Map<String, Object> map = new LinkedHashMap<>();
        map.put("text", rendering.text());
        map.put(
                "assistant_spans",
                rendering.assistantSpans().stream()
                        .map(span -> List.of(span.start(), span.end()))
                        .toList());
        return JSON.writeValueAsString(map) + "\n";
    }
}
