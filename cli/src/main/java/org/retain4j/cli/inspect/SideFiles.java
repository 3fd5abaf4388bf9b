package org.retain4j.cli.inspect;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** The small files beside the weights of a model, whether in a folder or made from a GGUF file. */
final class SideFiles {

    private static final int MAX_BYTES = 16 << 20;

    private static final JsonMapper JSON =
            new JsonMapper(
                    JsonFactory.builder()
                            .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
                            .disable(JsonFactory.Feature.INTERN_FIELD_NAMES)
                            .streamReadConstraints(
                                    StreamReadConstraints.builder().maxNestingDepth(64).build())
                            .build());

    private final Path origin;
    private final Map<String, byte[]> made;

    private SideFiles(Path origin, Map<String, byte[]> made) {
        this.origin = origin;
        this.made = made;
    }

    static SideFiles of(Path folder) {
        return new SideFiles(folder, Map.of());
    }

    /** Files that are not on disk. */
    static SideFiles of(Path file, Map<String, byte[]> made) {
        return new SideFiles(file, made);
    }

    /** Returns the start of a file, or null when there is none. */
    byte @Nullable [] start(String name, int length) throws IOException {
        byte[] bytes = made.get(name);
        if (bytes != null) {
            return bytes;
        }
        Path file = origin.resolve(name);
        if (!Files.isDirectory(origin) || !Files.isRegularFile(file)) {
            return null;
        }
        try (InputStream in = Files.newInputStream(file)) {
            return in.readNBytes(length);
        }
    }

    /** Returns a file as text, with U+FFFD where it is not UTF-8, or null when there is none. */
    @Nullable String text(String name) throws IOException {
        byte[] bytes = start(name, MAX_BYTES + 1);
        if (bytes == null) {
            return null;
        }
        if (bytes.length > MAX_BYTES) {
            throw new IOException(
                    origin.resolve(name)
                            + " has more than "
                            + MAX_BYTES
                            + " bytes; expected a small file, download it again");
        }
        return new String(bytes, StandardCharsets.UTF_8);
    }

    /**
     * Returns a file as a JSON object, or null when there is none.
     *
     * @throws IOException when it is not one
     */
    @Nullable JsonNode json(String name) throws IOException {
        String text = text(name);
        if (text == null) {
            return null;
        }
        JsonNode node;
        try {
            node = JSON.readTree(text);
        } catch (IOException e) {
            throw new IOException(
                    origin.resolve(name)
                            + " is not valid JSON, download it again: "
                            + firstLine(String.valueOf(e.getMessage())),
                    e);
        }
        if (!node.isObject()) {
            throw new IOException(
                    origin.resolve(name) + " is not a JSON object, download it again");
        }
        return node;
    }

    /** Returns the first line that is not blank. */
    static String firstLine(String text) {
        return text.lines().map(String::strip).filter(l -> !l.isEmpty()).findFirst().orElse("");
    }
}
