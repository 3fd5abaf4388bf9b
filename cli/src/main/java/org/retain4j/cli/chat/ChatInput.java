package org.retain4j.cli.chat;

import java.io.BufferedReader;
import java.io.Closeable;
import java.io.IOException;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/** Where the user's lines come from. */
public interface ChatInput extends Closeable {

    /** Returns the next line, or null at the end of the input. */
    @Nullable String read() throws IOException;

    /**
     * Starts watching for the user's wish to stop an answer.
     *
     * @return whether the user asked since
     */
    BooleanSupplier watch();

    /** Lines of a file or pipe, which nobody interrupts. */
    static ChatInput of(BufferedReader reader) {
        return new ChatInput() {
            @Override
            public @Nullable String read() throws IOException {
                return reader.readLine();
            }

            @Override
            public BooleanSupplier watch() {
                return () -> false;
            }

            @Override
            public void close() throws IOException {
                reader.close();
            }
        };
    }
}
