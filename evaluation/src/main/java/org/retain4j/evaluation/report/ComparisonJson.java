package org.retain4j.evaluation.report;

import com.fasterxml.jackson.core.JsonLocation;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.retain4j.core.io.AtomicFile;

/**
 * Writes and reads a {@link ComparisonResult} as JSON.
 *
 * <p>Fields stand in the order of the records, entries of maps in the order of their keys, so that
 * two files can be compared line by line. Numbers that are not finite become the strings {@code
 * "NaN"}, {@code "Infinity"} and {@code "-Infinity"}. Stateless and thread-safe.
 */
public final class ComparisonJson {
    private static final JsonMapper MAPPER =
            JsonMapper.builder()
                    .enable(SerializationFeature.INDENT_OUTPUT)
                    .enable(SerializationFeature.ORDER_MAP_ENTRIES_BY_KEYS)
                    .enable(DeserializationFeature.FAIL_ON_MISSING_CREATOR_PROPERTIES)
                    .enable(DeserializationFeature.FAIL_ON_NULL_FOR_PRIMITIVES)
                    .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
                    .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
                    .build();

    private ComparisonJson() {}

    /**
     * Writes the result, replacing the file at once or not at all.
     *
     * @throws IOException if the file cannot be written
     */
    public static void write(ComparisonResult result, Path file) throws IOException {
        AtomicFile.write(file, MAPPER.writeValueAsString(result) + "\n");
    }

    /**
     * Reads what {@link #write} wrote.
     *
     * @throws IOException if the file cannot be read, or is not such a result; the message names
     *     file, line and column
     */
    public static ComparisonResult read(Path file) throws IOException {
        try {
            String json = new String(Files.readAllBytes(file), StandardCharsets.UTF_8);
            return MAPPER.readValue(json, ComparisonResult.class);
        } catch (JsonProcessingException e) {
            JsonLocation at = e.getLocation();
            throw new IOException(
                    "%s%s is not a comparison result: %s. Write it anew with retain4j compare."
                            .formatted(
                                    file,
                                    at == null
                                            ? ""
                                            : ", line %d, column %d,"
                                                    .formatted(at.getLineNr(), at.getColumnNr()),
                                    e.getOriginalMessage()),
                    e);
        }
    }
}
