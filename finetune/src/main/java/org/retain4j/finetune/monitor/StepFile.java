package org.retain4j.finetune.monitor;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import org.retain4j.core.io.AtomicFile;

/**
 * A file with one JSON object a step, in their order.
 *
 * <p>What an interrupted run left of later steps, and a line cut short, goes when the first line of
 * the run that continues it is written.
 */
final class StepFile {

    private static final ObjectMapper JSON = new ObjectMapper();

    private final Path file;
    private boolean started;

    StepFile(Path file) {
        this.file = file;
    }

    static ObjectNode line(long step) {
        return JSON.createObjectNode().put("step", step);
    }

    void append(ObjectNode line) {
        try {
            if (!started) {
                long step = line.get("step").asLong();
                StringBuilder kept = new StringBuilder();
                for (ObjectNode earlier : read(file)) {
                    if (earlier.get("step").asLong() < step) {
                        kept.append(JSON.writeValueAsString(earlier)).append('\n');
                    }
                }
                AtomicFile.write(file, kept.toString());
                started = true;
            }
            Files.writeString(
                    file, JSON.writeValueAsString(line) + "\n", StandardOpenOption.APPEND);
        } catch (IOException e) {
            throw new UncheckedIOException(
                    "Cannot write " + file + ": " + e.getMessage() + "; check the disk", e);
        }
    }

    /** Returns the lines up to the first that is cut short or goes back; none without a file. */
    static List<ObjectNode> read(Path file) throws IOException {
        List<ObjectNode> lines = new ArrayList<>();
        if (!Files.exists(file)) {
            return lines;
        }
        long before = Long.MIN_VALUE;
        try (BufferedReader reader = Files.newBufferedReader(file, StandardCharsets.UTF_8)) {
            for (String text = reader.readLine(); text != null; text = reader.readLine()) {
                if (!(parse(text) instanceof ObjectNode line)
                        || !line.path("step").isIntegralNumber()
                        || line.get("step").asLong() <= before) {
                    return lines;
                }
                before = line.get("step").asLong();
                lines.add(line);
            }
        }
        return lines;
    }

    private static JsonNode parse(String text) {
        try {
            return JSON.readTree(text);
        } catch (JsonProcessingException e) {
            return JSON.nullNode();
        }
    }
}
