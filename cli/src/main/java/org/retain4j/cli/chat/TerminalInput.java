package org.retain4j.cli.chat;

import java.io.IOException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.BooleanSupplier;
import org.jline.reader.EndOfFileException;
import org.jline.reader.LineReader;
import org.jline.reader.LineReaderBuilder;
import org.jline.reader.UserInterruptException;
import org.jline.terminal.Terminal;
import org.jline.terminal.TerminalBuilder;
import org.jspecify.annotations.Nullable;

/**
 * Lines that a user types and edits in a terminal; Ctrl-C stops an answer, Ctrl-D ends the
 * conversation.
 */
public final class TerminalInput implements ChatInput {

    private final Terminal terminal;
    private final LineReader reader;
    private final AtomicBoolean interrupted = new AtomicBoolean();

    /** Takes over the terminal of the process. */
    public TerminalInput() throws IOException {
        terminal = TerminalBuilder.builder().system(true).dumb(true).build();
        Terminal.SignalHandler unused =
                terminal.handle(Terminal.Signal.INT, signal -> interrupted.set(true));
        reader =
                LineReaderBuilder.builder()
                        .terminal(terminal)
                        // an exclamation mark is no command here
                        .option(LineReader.Option.DISABLE_EVENT_EXPANSION, true)
                        .build();
    }

    @Override
    public @Nullable String read() {
        while (true) {
            try {
                return reader.readLine("> ");
            } catch (EndOfFileException e) {
                return null;
            } catch (UserInterruptException e) {
                terminal.writer().println("(Ctrl-D or /exit ends the conversation)");
                terminal.flush();
            }
        }
    }

    @Override
    public BooleanSupplier watch() {
        interrupted.set(false);
        return interrupted::get;
    }

    @Override
    public void close() throws IOException {
        terminal.close();
    }
}
