package org.retain4j.core.text;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CoderResult;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * Reads plain text as a list of documents.
 *
 * <p>Documents are separated by lines that hold only {@value #SEPARATOR}. A text without such lines
 * is cut at empty lines into documents of about {@value #PASSAGE} characters.
 */
public final class Documents {

    /** Line between two documents, as in the TinyStories data. */
    public static final String SEPARATOR = "<|endoftext|>";

    private static final int PASSAGE = 800;
    private static final long LIMIT = 1L << 30;
    private static final String TEXTS = "/org/retain4j/core/embedded/texts/";

    private Documents() {}

    /**
     * Reads a file.
     *
     * @throws IOException if the file is missing, empty, larger than 1 GB or not UTF-8; the message
     *     says where
     */
    public static List<String> read(Path file) throws IOException {
        if (!Files.isRegularFile(file)) {
            throw new IOException(
                    file
                            + (Files.exists(file) ? " is not a file" : " does not exist")
                            + "; give a text file in UTF-8");
        }
        if (Files.size(file) > LIMIT) {
            throw new IOException(file + " is larger than 1 GB; give a smaller text");
        }
        return split(decode(Files.readAllBytes(file), file.toString()), file.toString());
    }

    /**
     * Reads one of the texts that come with this library.
     *
     * @param name {@code tinystories.train}, {@code tinystories.heldout}, {@code
     *     tinyshakespeare.train} or {@code tinyshakespeare.heldout}
     */
    public static List<String> embedded(String name) throws IOException {
        try (InputStream in = Documents.class.getResourceAsStream(TEXTS + name + ".txt")) {
            if (in == null) {
                throw new IOException("there is no embedded text " + name);
            }
            return split(decode(in.readAllBytes(), name), name);
        }
    }

    private static String decode(byte[] bytes, String origin) throws IOException {
        CharsetDecoder decoder =
                StandardCharsets.UTF_8
                        .newDecoder()
                        .onMalformedInput(CodingErrorAction.REPORT)
                        .onUnmappableCharacter(CodingErrorAction.REPORT);
        ByteBuffer in = ByteBuffer.wrap(bytes);
        CharBuffer out = CharBuffer.allocate(bytes.length + 1);
        CoderResult result = decoder.decode(in, out, true);
        try {
            if (result.isError()) {
                result.throwException();
            }
        } catch (CharacterCodingException e) {
            throw new IOException(
                    origin
                            + " is not UTF-8: byte "
                            + in.position()
                            + " (line "
                            + line(bytes, in.position())
                            + ") does not belong to a character; convert the file to UTF-8",
                    e);
        }
        String text = out.flip().toString();
        return text.startsWith("\uFEFF") ? text.substring(1) : text;
    }

    private static long line(byte[] bytes, int end) {
        long line = 1;
        for (int i = 0; i < end; i++) {
            line += bytes[i] == '\n' ? 1 : 0;
        }
        return line;
    }

    private static List<String> split(String text, String origin) throws IOException {
        String unix = text.replace("\r\n", "\n").replace('\r', '\n');
        List<String> documents = new ArrayList<>();
        if (unix.lines().anyMatch(line -> line.strip().equals(SEPARATOR))) {
            StringBuilder document = new StringBuilder();
            for (String line : unix.split("\n", -1)) {
                if (line.strip().equals(SEPARATOR)) {
                    add(document, documents);
                } else {
                    document.append(line).append('\n');
                }
            }
            add(document, documents);
        } else {
            StringBuilder document = new StringBuilder();
            for (String paragraph : unix.split("\n\\s*\n", -1)) {
                if (document.length() > 0 && document.length() + paragraph.length() > PASSAGE) {
                    add(document, documents);
                }
                document.append(paragraph).append("\n\n");
            }
            add(document, documents);
        }
        if (documents.isEmpty()) {
            throw new IOException(origin + " holds no text");
        }
        return documents;
    }

    private static void add(StringBuilder document, List<String> documents) {
        String text = document.toString().strip();
        if (!text.isEmpty()) {
            documents.add(text);
        }
        document.setLength(0);
    }
}
