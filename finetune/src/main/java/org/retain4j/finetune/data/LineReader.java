package org.retain4j.finetune.data;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/** Lines of a stream in UTF-8, ended by LF or CR LF, each of a bounded length. */
final class LineReader {

    static final int MAX_BYTES = 64 << 20;

    private final InputStream in;
    private final byte[] buffer = new byte[1 << 16];
    private int at;
    private int end;
    private byte[] line = new byte[256];
    private int length;
    private boolean tooLong;
    private long number;

    LineReader(InputStream in) {
        this.in = in;
    }

    /** Goes to the next line and returns whether there is one. */
    boolean advance() throws IOException {
        length = 0;
        tooLong = false;
        boolean any = false;
        while (at < end || fill()) {
            any = true;
            int start = at;
            while (at < end && buffer[at] != '\n') {
                at++;
            }
            append(start, at - start);
            if (at < end) {
                at++;
                break;
            }
        }
        if (any) {
            number++;
        }
        return any;
    }

    private boolean fill() throws IOException {
        at = 0;
        end = Math.max(0, in.read(buffer));
        return end > 0;
    }

    private void append(int from, int count) {
        if (tooLong || count > MAX_BYTES - length) {
            tooLong = true;
            return;
        }
        if (length + count > line.length) {
            line = Arrays.copyOf(line, Math.max(length + count, 2 * line.length));
        }
        System.arraycopy(buffer, from, line, length, count);
        length += count;
    }

    /** Returns the number of the line, from 1. */
    long number() {
        return number;
    }

    /**
     * Returns the line without its end.
     *
     * @throws RowException if it is too long or not UTF-8
     */
    String text() throws RowException {
        if (tooLong) {
            throw new RowException(
                    "the line is longer than " + MAX_BYTES + " bytes, the limit; split it");
        }
        int size = length > 0 && line[length - 1] == '\r' ? length - 1 : length;
        try {
            return StandardCharsets.UTF_8
                    .newDecoder()
                    .decode(ByteBuffer.wrap(line, 0, size))
                    .toString();
        } catch (CharacterCodingException e) {
            throw new RowException("the line is not UTF-8; convert the file to UTF-8");
        } finally {
            if (line.length > 1 << 20) {
                line = new byte[256];
            }
        }
    }
}
