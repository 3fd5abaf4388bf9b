package org.retain4j.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringReader;
import java.io.StringWriter;
import java.nio.file.Path;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.retain4j.cli.chat.ChatInput;
import org.retain4j.cli.chat.Conversation;
import org.retain4j.core.generate.Generation;
import org.retain4j.core.generate.GenerationConfig;
import org.retain4j.core.generate.StopReason;
import org.retain4j.core.model.CausalLm;
import org.retain4j.core.model.Pretrained;
import picocli.CommandLine;

/** Conversations with a tiny chat model of random weights: what it says is the same each time. */
class ChatCommandTest {

    private static final String CHAT = "../core/src/test/resources/golden/models/llama";

    private final StringWriter out = new StringWriter();
    private final StringWriter err = new StringWriter();

    private int chat(ChatInput input, String... options) {
        Console console = new Console(new PrintWriter(out), new PrintWriter(err), false);
        String[] words = new String[options.length + 4];
        System.arraycopy(options, 0, words, 4, options.length);
        System.arraycopy(new String[] {"--model", CHAT, "--max-new-tokens", "6"}, 0, words, 0, 4);
        return new CommandLine(new ChatCommand(console, () -> input)).execute(words);
    }

    private static ChatInput lines(String text) {
        return ChatInput.of(new BufferedReader(new StringReader(text)));
    }

    @Test
    void answersDependOnTheConversationAndResetForgetsIt() {
        assertThat(chat(lines("Hello\nHello\n/reset\nHello\n/exit\nnever read\n"))).isZero();
        String[] answers = out.toString().split("\\(--max-new-tokens\\)\n");
        assertThat(answers).hasSize(3);
        assertThat(answers[0]).isNotBlank();
        assertThat(answers[1]).isNotEqualTo(answers[0]);
        assertThat(answers[2]).isEqualTo(answers[0]);
    }

    @Test
    void theSystemMessageCanBeGivenOrSet() {
        assertThat(chat(lines("Hello\n"), "--system", "Be brief.")).isZero();
        String given = out.toString();
        out.getBuffer().setLength(0);
        assertThat(chat(lines("/system Be brief.\nHello\n"))).isZero();
        assertThat(out).hasToString(given);
        out.getBuffer().setLength(0);
        assertThat(chat(lines("Hello\n"))).isZero();
        assertThat(out.toString()).isNotEqualTo(given);
    }

    @Test
    void anUnknownCommandIsNamedAndTheConversationGoesOn() {
        assertThat(chat(lines("/rest\n\nHello\n"))).isZero();
        assertThat(err.toString()).contains("/rest").contains("/reset");
        assertThat(out.toString()).isNotBlank();
    }

    @Test
    void anInterruptStopsTheAnswerAndNotTheProgram() {
        AtomicInteger asked = new AtomicInteger();
        ChatInput interrupting =
                new ChatInput() {
                    private final BufferedReader reader =
                            new BufferedReader(new StringReader("Hello\nHello\n"));

                    @Override
                    public @Nullable String read() throws IOException {
                        return reader.readLine();
                    }

                    @Override
                    public BooleanSupplier watch() {
                        int answer = asked.getAndIncrement();
                        return () -> answer == 0;
                    }

                    @Override
                    public void close() {}
                };
        assertThat(chat(interrupting)).isZero();
        assertThat(asked).hasValue(2);
        assertThat(out.toString()).contains(" …\n").endsWith("(--max-new-tokens)\n");
    }

    @Test
    void aConversationThatNoLongerFitsIsRefusedAndKept() throws IOException {
        try (CausalLm model = Pretrained.load(Path.of(CHAT))) {
            Conversation conversation =
                    new Conversation(model, tokens -> GenerationConfig.of(3), null);
            Generation first = conversation.answer("Hello", (row, id, text) -> true);
            assertThat(first.reason()).isEqualTo(StopReason.LENGTH);
            org.assertj.core.api.Assertions.assertThatThrownBy(
                            () -> conversation.answer("word ".repeat(200), (row, id, text) -> true))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("/reset");
            conversation.reset();
            assertThat(conversation.answer("Hello", (row, id, text) -> true).ids())
                    .isEqualTo(first.ids());
        }
    }

    @Test
    void aModelWithoutAChatTemplateIsRefused() {
        Console console = new Console(new PrintWriter(out), new PrintWriter(err), false);
        CommandLine line = new CommandLine(new ChatCommand(console, () -> lines("a\n")));
        line.setExecutionExceptionHandler(
                (failure, command, parsed) -> {
                    err.append(String.valueOf(failure.getMessage()));
                    return 1;
                });
        assertThat(line.execute("--model", Pretrained.EMBEDDED)).isEqualTo(1);
        assertThat(err.toString()).contains("chat template");
    }
}
