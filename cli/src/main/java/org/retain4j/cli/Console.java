package org.retain4j.cli;

import java.io.PrintWriter;
import org.jspecify.annotations.Nullable;

/**
 * The two streams of the command: results go to one, progress and messages to the other.
 *
 * <p>The only way by which the command prints. Safe for all threads.
 */
final class Console {

    private final PrintWriter out;
    private final PrintWriter err;
    private final boolean progressOnTerminal;
    private volatile boolean verbose;

    /**
     * Creates a console.
     *
     * @param out where results go
     * @param err where progress and messages go
     * @param progressOnTerminal whether {@code err} is a terminal that can redraw a line
     */
    Console(PrintWriter out, PrintWriter err, boolean progressOnTerminal) {
        this.out = out;
        this.err = err;
        this.progressOnTerminal = progressOnTerminal;
    }

    PrintWriter out() {
        return out;
    }

    PrintWriter err() {
        return err;
    }

    boolean progressOnTerminal() {
        return progressOnTerminal;
    }

    /** Sets whether a failure is shown with its stack trace. */
    void verbose(boolean value) {
        verbose = value;
    }

    /** Writes a part of the result as it is. */
    void result(String text) {
        out.print(text);
        out.flush();
    }

    /** Writes one line of progress or a note. */
    void note(String line) {
        err.println(line);
        err.flush();
    }

    /** Writes text that redraws the current line of a terminal. */
    void redraw(String text) {
        err.print(text);
        err.flush();
    }

    /**
     * Writes an error as one line.
     *
     * @param where the command, for example {@code retain4j compare}
     * @param message what is wrong and what to do; line breaks become spaces
     * @param cause shown only if the user asked for it
     */
    void error(String where, String message, @Nullable Throwable cause) {
        note(where + ": " + oneLine(message));
        if (cause != null && verbose) {
            cause.printStackTrace(err);
            err.flush();
        }
    }

    /** Returns the text without anything that could start a line or steer a terminal. */
    static String oneLine(String text) {
        return text.strip().replaceAll("\\s*[\\r\\n]+\\s*", " ").replaceAll("\\p{Cc}", "?");
    }
}
