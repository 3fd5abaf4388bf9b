package org.retain4j.cli.score;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/**
 * Reads lines of UTF-8 of bounded length, one at a time.
 *
 * <p>Lines end with a line feed; blank ones are passed over but counted. A byte-order mark before
 * the first is dropped. A line that is too long or not UTF-8 is read to its end and given back as a
 * problem, so that the next one can be read. Not safe for use by several threads.
 */
final class JsonLines {

    /** Longest line in bytes. */
    static final int MAX_BYTES = 16 << 20;

    /**
     * One line.
     *
     * @param number counted from 1
     * @param text what it holds; empty if there is a problem
     * @param problem what is wrong with it as a line, null if nothing is
     */
    record Line(long number, String text, @Nullable String problem) {}

    private final InputStream in;
    private final int maxBytes;
    private final byte[] buffer = new byte[1 << 16];
    private int next;
    private int end;
    private long number;
    private long bytes;

    JsonLines(InputStream in) {
        this(in, MAX_BYTES);
    }

    JsonLines(InputStream in, int maxBytes) {
        this.in = in;
        this.maxBytes = maxBytes;
    }

    /** Returns how many bytes the lines read so far have. */
    long bytes() {
        return bytes;
    }

    /** Returns the next line that is not blank, or null at the end. */
    @Nullable Line read() throws IOException {
        while (true) {
            ByteArrayOutputStream collected = new ByteArrayOutputStream();
            long length = readTo(collected);
            if (length < 0) {
                return null;
            }
            number++;
            if (length > maxBytes) {
                return new Line(
                        number,
                        "",
                        "is longer than " + maxBytes + " bytes, the limit; split it into rows");
            }
            String text;
            try {
                text =
                        StandardCharsets.UTF_8
                                .newDecoder()
                                .decode(ByteBuffer.wrap(collected.toByteArray()))
                                .toString();
            } catch (CharacterCodingException e) {
                return new Line(number, "", "is not text in UTF-8; convert the file");
            }
            if (number == 1 && text.startsWith("\uFEFF")) {
                text = text.substring(1);
            }
            if (!text.isBlank()) {
                return new Line(number, text, null);
            }
        }
    }

    /** Returns the length of the line, of which at most the limit is collected; -1 at the end. */
    private long readTo(ByteArrayOutputStream line) throws IOException {
        long length = 0;
        while (true) {
            if (next == end) {
                next = 0;
                end = Math.max(0, in.read(buffer));
                if (end == 0) {
                    return length > 0 ? length : -1;
                }
            }
            int stop = next;
            while (stop < end && buffer[stop] != '\n') {
                stop++;
            }
            int part = stop - next;
            length += part;
            if (length <= maxBytes) {
                line.write(buffer, next, part);
            }
            boolean complete = stop < end;
            next = complete ? stop + 1 : stop;
            bytes += part + (complete ? 1 : 0);
            if (complete) {
                return length;
            }
        }
    }
}
