package org.retain4j.replay.generation;

import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.retain4j.core.io.AtomicFile;

/**
 * Examples that a generator wrote, and what became of all that it wrote.
 *
 * @param examples those that all filters kept
 * @param funnel counts of the filters
 */
public record Written(List<PseudoExample> examples, Funnel funnel) {

    private static final JsonMapper JSON = new JsonMapper();

    /** Copies the list. */
    public Written {
        examples = List.copyOf(examples);
    }

    /**
     * Writes the examples as JSON lines with {@code instruction}, {@code input}, {@code output} and
     * {@code provenance}, which can be trained on as any other data.
     *
     * @param file replaced when it exists
     */
    public void save(Path file) throws IOException {
        StringBuilder lines = new StringBuilder();
        for (PseudoExample example : examples) {
            Map<String, Object> row = new LinkedHashMap<>();
            row.put("instruction", example.instruction());
            row.put("input", example.input());
            row.put("output", example.answer());
            row.put("provenance", new TreeMap<>(example.provenance()));
            lines.append(JSON.writeValueAsString(row)).append('\n');
        }
        AtomicFile.write(file, lines.toString());
    }
}
