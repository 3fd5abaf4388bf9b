package org.retain4j.cli;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.Callable;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;
import org.retain4j.cli.chat.ChatInput;
import org.retain4j.cli.chat.Conversation;
import org.retain4j.cli.chat.TerminalInput;
import org.retain4j.core.generate.Generation;
import org.retain4j.core.generate.StopReason;
import org.retain4j.core.model.CausalLm;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Talks with a model in the terminal. */
@Command(
        name = "chat",
        description = {
            "Talks with a model, in its own chat template. Each line is a message; lines come from"
                    + " the terminal, a file or a pipe.",
            ""
        },
        optionListHeading = "Options:%n",
        sortOptions = false,
        exitCodeListHeading = "%nExit codes:%n",
        exitCodeList = {"0:done", "1:failed", "2:wrong usage, nothing was started"},
        footer = {
            "",
            "/reset           forgets the conversation",
            "/system TEXT     says what the model is told first, and forgets the conversation",
            "/exit, Ctrl-D    ends",
            "Ctrl-C           stops an answer",
            "",
            "Examples:",
            "  retain4j chat --model HuggingFaceTB/SmolLM2-135M-Instruct",
            "  retain4j chat --model model.gguf --system \"Answer in one sentence.\""
        })
final class ChatCommand implements Callable<Integer> {

    private final Console console;
    private final Callable<ChatInput> lines;

    @Mixin private ModelOptions model = new ModelOptions();

    @Option(
            names = "--system",
            paramLabel = "TEXT",
            description = "What the model is told first. Default: what its template says.")
    private @Nullable String system;

    @Mixin private SamplingOptions options = new SamplingOptions();

    ChatCommand(Console console) {
        this(console, ChatCommand::standardInput);
    }

    /** Creates the command with other lines than those of the process. */
    ChatCommand(Console console, Callable<ChatInput> lines) {
        this.console = console;
        this.lines = lines;
    }

    // null is the answer of Java 17 to 21 where there is no terminal
    @SuppressWarnings("SystemConsoleNull")
    private static ChatInput standardInput() throws IOException {
        return System.console() != null
                ? new TerminalInput()
                : ChatInput.of(
                        new BufferedReader(
                                new InputStreamReader(System.in, StandardCharsets.UTF_8)));
    }

    @Override
    public Integer call() throws Exception {
        options.sampling();
        try (CausalLm loaded = model.load(console);
                ChatInput input = lines.call()) {
            Conversation conversation =
                    new Conversation(
                            loaded, tokens -> options.config(loaded, tokens, false), system);
            String line = input.read();
            while (line != null && !line.strip().matches("/(exit|quit)")) {
                take(conversation, line.strip(), input);
                line = input.read();
            }
        }
        return ExitCode.OK;
    }

    private void take(Conversation conversation, String line, ChatInput input) throws IOException {
        if (line.isEmpty()) {
            return;
        }
        if (line.equals("/reset")) {
            conversation.reset();
        } else if (line.equals("/system") || line.startsWith("/system ")) {
            conversation.system(line.substring("/system".length()).strip());
        } else if (line.startsWith("/")) {
            console.note("unknown command " + line + "; there are /reset, /system TEXT and /exit");
        } else {
            answer(conversation, line, input);
        }
    }

    private void answer(Conversation conversation, String message, ChatInput input)
            throws IOException {
        BooleanSupplier stopped = input.watch();
        Generation answer;
        try {
            answer =
                    conversation.answer(
                            message,
                            (row, id, text) -> {
                                console.result(text);
                                return !stopped.getAsBoolean();
                            });
        } catch (IllegalArgumentException e) {
            console.note(Failures.message(e));
            return;
        }
        console.result(
                answer.reason() == StopReason.CANCELLED
                        ? " …\n"
                        : answer.reason() == StopReason.LENGTH ? " … (--max-new-tokens)\n" : "\n");
    }
}
