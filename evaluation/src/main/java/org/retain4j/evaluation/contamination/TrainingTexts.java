package org.retain4j.evaluation.contamination;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.Reader;
import java.nio.CharBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.zip.GZIPInputStream;

/**
 * Reads files of training texts into a {@link Contamination}, whatever their columns are called.
 *
 * <p>Of JSON lines and of a JSON array ({@code .jsonl}, {@code .json}, also with {@code .gz}) every
 * object is a text made of all its string values in their order, names of fields left out; any
 * other file is one plain text. Memory does not grow with the file. Stateless and thread-safe.
 */
public final class TrainingTexts {

    private static final JsonFactory JSON = new JsonFactory();
    private static final int CHUNK = 1 << 14;

    private TrainingTexts() {}

    /**
     * Looks into all texts of a file.
     *
     * @throws IOException if it cannot be read or is not JSON where its name says so; the message
     *     names the place
     */
    public static void look(Path file, Contamination into) throws IOException {
        String name = String.valueOf(file.getFileName());
        String plain = name.toLowerCase(Locale.ROOT).replaceFirst("\\.gz$", "");
        try (InputStream raw = new BufferedInputStream(Files.newInputStream(file));
                InputStream in = plain.length() < name.length() ? new GZIPInputStream(raw) : raw) {
            if (plain.endsWith(".jsonl") || plain.endsWith(".json")) {
                json(in, file, into);
            } else {
                text(in, name, into);
            }
        }
    }

    private static void text(InputStream in, String name, Contamination into) throws IOException {
        try (Contamination.Text text = into.begin(name);
                Reader reader = new InputStreamReader(in, StandardCharsets.UTF_8)) {
            char[] part = new char[CHUNK];
            for (int n = reader.read(part); n >= 0; n = reader.read(part)) {
                text.add(CharBuffer.wrap(part, 0, n));
            }
        }
    }

    private static void json(InputStream in, Path file, Contamination into) throws IOException {
        long number = 0;
        long reading = 1;
        try (JsonParser parser = JSON.createParser(in)) {
            JsonToken token = parser.nextToken();
            // an array at the top holds the texts; elsewhere it is part of one
            boolean isList = token == JsonToken.START_ARRAY;
            if (isList) {
                token = parser.nextToken();
            }
            for (; token != null; token = parser.nextToken()) {
                if (isList && token == JsonToken.END_ARRAY) {
                    continue;
                }
                reading = ++number;
                try (Contamination.Text text =
                        into.begin(file.getFileName() + ", text " + number)) {
                    value(parser, text);
                }
                reading = number + 1;
            }
        } catch (JsonProcessingException e) {
            throw new IOException(
                    "%s, text %d is not JSON: %s".formatted(file, reading, e.getOriginalMessage()),
                    e);
        }
    }

    private static void value(JsonParser parser, Contamination.Text text) throws IOException {
        int depth = 0;
        JsonToken token = parser.currentToken();
        while (token != null) {
            if (token.isStructStart()) {
                depth++;
            } else if (token.isStructEnd()) {
                depth--;
            } else if (token == JsonToken.VALUE_STRING) {
                text.add(parser.getText());
                text.endWord();
            }
            if (depth == 0) {
                return;
            }
            token = parser.nextToken();
        }
    }
}
