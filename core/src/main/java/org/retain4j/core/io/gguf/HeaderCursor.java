package org.retain4j.core.io.gguf;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/** Reads little-endian values of a file one after the other; never more than the file has. */
final class HeaderCursor {

    private final Path path;
    private final FileChannel channel;
    private final long size;
    private final ByteBuffer buffer =
            ByteBuffer.allocate(1 << 16).order(ByteOrder.LITTLE_ENDIAN).limit(0);
    private long bufferStart;

    HeaderCursor(Path path, FileChannel channel) throws IOException {
        this.path = path;
        this.channel = channel;
        this.size = channel.size();
    }

    /** Returns the number of bytes behind the cursor. */
    long remaining() {
        return size - position();
    }

    long position() {
        return bufferStart + buffer.position();
    }

    /** Returns the length of the file. */
    long size() {
        return size;
    }

    int uint8(String what) throws IOException {
        return need(1, what).get() & 255;
    }

    int int16(String what) throws IOException {
        return need(2, what).getShort();
    }

    int int32(String what) throws IOException {
        return need(4, what).getInt();
    }

    long int64(String what) throws IOException {
        return need(8, what).getLong();
    }

    /**
     * Reads a 64-bit count.
     *
     * @param limit largest accepted value
     * @param bytesEach least bytes that each of the counted things needs in the rest of the file
     */
    int count(String what, long limit, long bytesEach) throws IOException {
        long count = int64(what);
        long possible = Math.min(limit, remaining() / bytesEach);
        if (count < 0 || count > possible) {
            throw fail(
                    what
                            + " is "
                            + Long.toUnsignedString(count)
                            + "; expected at most "
                            + possible
                            + (possible < limit ? ", which the rest of the file can hold" : ""));
        }
        return (int) count;
    }

    /** Reads a text; when not {@code strict}, bytes that are not UTF-8 become U+FFFD. */
    String text(String what, long limit, boolean strict) throws IOException {
        byte[] bytes = new byte[count("the length of " + what, limit, 1)];
        for (int done = 0; done < bytes.length; ) {
            need(1, what);
            int part = Math.min(buffer.remaining(), bytes.length - done);
            buffer.get(bytes, done, part);
            done += part;
        }
        if (!strict) {
            return new String(bytes, StandardCharsets.UTF_8);
        }
        try {
            return StandardCharsets.UTF_8
                    .newDecoder()
                    .onMalformedInput(CodingErrorAction.REPORT)
                    .decode(ByteBuffer.wrap(bytes))
                    .toString();
        } catch (CharacterCodingException e) {
            throw fail(what + " is not valid UTF-8");
        }
    }

    GgufException fail(String problem) {
        return new GgufException(path + ": " + problem);
    }

    private ByteBuffer need(int bytes, String what) throws IOException {
        if (buffer.remaining() < bytes) {
            bufferStart += buffer.position();
            buffer.compact();
            while (buffer.position() < bytes) {
                if (channel.read(buffer, bufferStart + buffer.position()) < 0) {
                    throw fail("the file ends within " + what + "; it is damaged or incomplete");
                }
            }
            buffer.flip();
        }
        return buffer;
    }
}
