package org.retain4j.evaluation.tasks;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Reads comma-separated records (RFC 4180) line by line; quoted fields may hold line breaks. */
final class CsvRecords {

    private static final int MAX_RECORD = 16 << 20;

    private final DatasetFile.LineSource lines;
    private final Path file;
    private long line;

    CsvRecords(DatasetFile.LineSource lines, Path file) {
        this.lines = lines;
        this.file = file;
    }

    /** Returns the line where the last record began. */
    long line() {
        return line;
    }

    @Nullable List<String> next() throws IOException {
        String text = lines.next();
        while (text != null && text.isEmpty()) {
            text = lines.next();
        }
        if (text == null) {
            return null;
        }
        line = lines.number();
        List<String> fields = new ArrayList<>();
        StringBuilder field = new StringBuilder();
        boolean quoted = false;
        int at = line == 1 && text.startsWith("\ufeff") ? 1 : 0;
        while (true) {
            if (at == text.length()) {
                if (!quoted) {
                    fields.add(field.toString());
                    return fields;
                }
                String more = lines.next();
                if (more == null || field.length() > MAX_RECORD) {
                    throw new TaskException(
                            "%s, line %d: a quote is never closed".formatted(file, line));
                }
                field.append('\n');
                text = more;
                at = 0;
                continue;
            }
            char c = text.charAt(at++);
            if (c == '"' && quoted && at < text.length() && text.charAt(at) == '"') {
                field.append('"');
                at++;
            } else if (c == '"' && (quoted || field.isEmpty())) {
                quoted = !quoted;
            } else if (c == ',' && !quoted) {
                fields.add(field.toString());
                field.setLength(0);
            } else {
                field.append(c);
            }
        }
    }
}
