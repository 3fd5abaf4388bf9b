package org.retain4j.evaluation.tasks;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.zip.GZIPInputStream;
import org.jspecify.annotations.Nullable;
import org.retain4j.core.text.Documents;

/**
 * Reads the rows of a data set: JSON lines, a JSON array, CSV with a header, each also with {@code
 * .gz}, and plain text for perplexity.
 *
 * <p>Stateless and thread-safe.
 */
public final class DatasetFile {

    private static final JsonMapper JSON =
            JsonMapper.builder().enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS).build();

    private static final int MAX_LINE = 16 << 20;
    private static final long MAX_CHARACTERS = 1L << 29;

    private DatasetFile() {}

    /**
     * Reads all rows of a file.
     *
     * @throws TaskException if it is missing, empty, too large, of a form that is not known, or has
     *     a line that is not right; the message says which
     */
    public static List<Row> read(Path file) throws IOException {
        if (!Files.isRegularFile(file)) {
            throw new TaskException(
                    file
                            + (Files.exists(file) ? " is not a file" : " does not exist")
                            + "; give the data as JSON lines");
        }
        String name = file.getFileName().toString().toLowerCase(Locale.ROOT);
        String form = name.endsWith(".gz") ? name.substring(0, name.length() - 3) : name;
        List<Row> rows;
        if (form.endsWith(".jsonl") || form.endsWith(".json")) {
            rows = json(file, name);
        } else if (form.endsWith(".csv")) {
            rows = csv(file, name);
        } else if (name.endsWith(".txt") || name.endsWith(".tokens") || name.endsWith(".raw")) {
            rows = text(file);
        } else {
            throw new TaskException(file + ": " + advice(name));
        }
        if (rows.isEmpty()) {
            throw new TaskException(file + " has no rows");
        }
        return rows;
    }

    private static String advice(String name) {
        if (name.endsWith(".parquet")) {
            return "Parquet cannot be read; convert it to JSON lines, for example with"
                    + " python -c \"import datasets, sys; datasets.load_dataset('parquet',"
                    + " data_files=sys.argv[1])['train'].to_json(sys.argv[2])\" IN.parquet"
                    + " OUT.jsonl, or with DuckDB: COPY (FROM 'IN.parquet') TO 'OUT.jsonl'";
        }
        if (name.endsWith(".bz2") || name.endsWith(".zip") || name.endsWith(".zst")) {
            return "this compression cannot be read; unpack the file first";
        }
        return "the form of the data is not known; expected a name that ends in .jsonl, .json,"
                + " .csv, one of these and .gz, or .txt";
    }

    private static BufferedReader open(Path file, String name) throws IOException {
        InputStream in = Files.newInputStream(file);
        try {
            return new BufferedReader(
                    new InputStreamReader(
                            name.endsWith(".gz") ? new GZIPInputStream(in) : in,
                            StandardCharsets.UTF_8.newDecoder()));
        } catch (IOException e) {
            in.close();
            throw new TaskException(file + " is not a gzip file: " + e.getMessage(), e);
        }
    }

    private static List<Row> json(Path file, String name) throws IOException {
        List<Row> rows = new ArrayList<>();
        try (BufferedReader reader = open(file, name)) {
            LineSource lines = new LineSource(reader, file);
            String line = lines.next();
            if (line != null && line.stripLeading().startsWith("[")) {
                return array(line, lines, file);
            }
            for (; line != null; line = lines.next()) {
                if (!line.isBlank()) {
                    rows.add(row(line, file + ", line " + lines.number()));
                }
            }
        } catch (CharacterCodingException e) {
            throw new TaskException(file + " is not text in UTF-8", e);
        }
        return rows;
    }

    private static Row row(String line, String where) throws TaskException {
        try {
            JsonNode node = JSON.readTree(line);
            if (node == null || !node.isObject()) {
                throw new TaskException(where + ": expected one JSON object a line");
            }
            return new Row(node, where);
        } catch (JsonProcessingException e) {
            throw new TaskException(where + ": this is not JSON: " + e.getOriginalMessage(), e);
        }
    }

    private static List<Row> array(String first, LineSource lines, Path file) throws IOException {
        StringBuilder all = new StringBuilder(first);
        for (String line = lines.next(); line != null; line = lines.next()) {
            all.append('\n').append(line);
        }
        JsonNode list;
        try {
            list = JSON.readTree(all.toString());
        } catch (JsonProcessingException e) {
            throw new TaskException(
                    "%s, line %d: this is not JSON: %s"
                            .formatted(
                                    file,
                                    e.getLocation() == null ? 1 : e.getLocation().getLineNr(),
                                    e.getOriginalMessage()),
                    e);
        }
        List<Row> rows = new ArrayList<>();
        for (JsonNode node : list) {
            String where = file + ", row " + (rows.size() + 1);
            if (!node.isObject()) {
                throw new TaskException(where + ": expected a JSON object");
            }
            rows.add(new Row(node, where));
        }
        return rows;
    }

    private static List<Row> csv(Path file, String name) throws IOException {
        List<Row> rows = new ArrayList<>();
        try (BufferedReader reader = open(file, name)) {
            CsvRecords records = new CsvRecords(new LineSource(reader, file), file);
            List<String> header = records.next();
            if (header == null) {
                return rows;
            }
            for (List<String> record = records.next(); record != null; record = records.next()) {
                String where = file + ", line " + records.line();
                if (record.size() != header.size()) {
                    throw new TaskException(
                            "%s: the header has %d columns, this record %d"
                                    .formatted(where, header.size(), record.size()));
                }
                var node = JsonNodeFactory.instance.objectNode();
                for (int i = 0; i < header.size(); i++) {
                    node.put(header.get(i), record.get(i));
                }
                rows.add(new Row(node, where));
            }
        } catch (CharacterCodingException e) {
            throw new TaskException(file + " is not text in UTF-8", e);
        }
        return rows;
    }

    /** A text of WikiText has a page a heading; another is cut as everywhere in the library. */
    private static List<Row> text(Path file) throws IOException {
        List<String> pages = new ArrayList<>();
        try (BufferedReader reader = open(file, "")) {
            LineSource lines = new LineSource(reader, file);
            StringBuilder page = new StringBuilder();
            for (String line = lines.next(); line != null; line = lines.next()) {
                if (line.startsWith(" = ") && !line.startsWith(" = =") && line.endsWith(" = ")) {
                    pages.add(page.toString());
                    page.setLength(0);
                }
                page.append(line).append('\n');
            }
            pages.add(page.toString());
        } catch (CharacterCodingException e) {
            throw new TaskException(file + " is not text in UTF-8", e);
        }
        boolean hasHeadings = pages.size() > 1;
        List<Row> rows = new ArrayList<>();
        for (String text : hasHeadings ? pages : Documents.read(file)) {
            if (!text.isBlank()) {
                var node = JsonNodeFactory.instance.objectNode();
                node.put("page", text).put("text", text);
                rows.add(new Row(node, file + ", document " + (rows.size() + 1)));
            }
        }
        return rows;
    }

    /** Lines with their numbers, none longer than the limit. */
    static final class LineSource {
        private final BufferedReader reader;
        private final Path file;
        private long number;
        private long characters;

        LineSource(BufferedReader reader, Path file) {
            this.reader = reader;
            this.file = file;
        }

        long number() {
            return number;
        }

        @Nullable String next() throws IOException {
            StringBuilder line = new StringBuilder();
            int c = reader.read();
            if (c < 0) {
                return null;
            }
            number++;
            while (c >= 0 && c != '\n') {
                line.append((char) c);
                if (line.length() > MAX_LINE) {
                    throw new TaskException(
                            "%s, line %d is longer than %d characters"
                                    .formatted(file, number, MAX_LINE));
                }
                c = reader.read();
            }
            characters += line.length();
            if (characters > MAX_CHARACTERS) {
                throw new TaskException(
                        file
                                + " has more than "
                                + MAX_CHARACTERS
                                + " characters; use a part of it");
            }
            int end = line.length();
            return line.substring(0, end > 0 && line.charAt(end - 1) == '\r' ? end - 1 : end);
        }
    }
}
