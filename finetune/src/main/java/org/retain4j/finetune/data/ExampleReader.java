package org.retain4j.finetune.data;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import java.io.BufferedInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.zip.GZIPInputStream;
import java.util.zip.ZipException;
import org.jspecify.annotations.Nullable;

/**
 * Reads training data row by row; no file is ever held in memory as a whole.
 *
 * <p>Files are JSON lines, a JSON array, or plain text in UTF-8, each possibly compressed with
 * gzip. What a file is, is seen from its content; names ending in {@code .txt}, {@code .text} or
 * {@code .md} are always plain text, see {@link TextUnit}. A folder stands for all such files in
 * it, hidden ones left out, in the order of their paths; a glob for the files that fit. The format
 * of each row is told by its keys, see {@link ExampleFormat}, unless it is set.
 *
 * <p>A row with a problem is reported and left out; in strict mode it ends the reading. A file that
 * cannot be read further (cut off, not JSON from some place on, damaged gzip) always does. One row
 * is at most 64 MiB, 100 levels deep and 4 million values. Immutable, safe for all threads.
 */
public final class ExampleReader {

    private static final int PEEK = 1 << 16;
    private static final int MAX_DOCUMENT = 1_000_000;
    private static final String SEPARATOR = "<|endoftext|>";

    private final List<Path> files;
    private final @Nullable ExampleFormat format;
    private final Map<String, String> columns;
    private final TextUnit unit;
    private final boolean strict;

    /** Takes what a reader finds, in the order of the data. */
    public interface Visitor {

        /** Takes an example that starts in a line, from 1, of one of {@link #files()}. */
        void example(Example example, Path file, long line) throws IOException;

        /** Takes note of a row that is left out. */
        void problem(Problem problem) throws IOException;
    }

    private ExampleReader(
            List<Path> files,
            @Nullable ExampleFormat format,
            Map<String, String> columns,
            TextUnit unit,
            boolean strict) {
        this.files = files;
        this.format = format;
        this.columns = columns;
        this.unit = unit;
        this.strict = strict;
    }

    /**
     * Finds data files.
     *
     * @param inputs files, folders and globs such as {@code data/*.jsonl}
     * @throws DataException if one of them stands for no file
     */
    public static ExampleReader of(List<String> inputs) throws IOException {
        return new ExampleReader(DataFiles.find(inputs), null, Map.of(), TextUnit.DOCUMENT, false);
    }

    /** Finds data files; see {@link #of(List)}. */
    public static ExampleReader of(Path... inputs) throws IOException {
        return of(Arrays.stream(inputs).map(Path::toString).toList());
    }

    /** Returns the same that takes every row for this format, or looks for null. */
    public ExampleReader withFormat(@Nullable ExampleFormat value) {
        return new ExampleReader(files, value, columns, unit, strict);
    }

    /**
     * Returns the same that renames keys of rows before it looks at them.
     *
     * @param value the key in the data by the key that is meant, for example {@code prompt} to
     *     {@code question}
     */
    public ExampleReader withColumns(Map<String, String> value) {
        return new ExampleReader(files, format, new LinkedHashMap<>(value), unit, strict);
    }

    /** Returns the same with another idea of what one example of a plain text is. */
    public ExampleReader withTextUnit(TextUnit value) {
        return new ExampleReader(files, format, columns, value, strict);
    }

    /** Returns the same that ends at the first row with a problem, or does not. */
    public ExampleReader strict(boolean value) {
        return new ExampleReader(files, format, columns, unit, value);
    }

    /** Returns the files that are read. */
    public List<Path> files() {
        return files;
    }

    /** Returns whether a row with a problem ends the reading. */
    public boolean isStrict() {
        return strict;
    }

    /** Returns what decides, beside the files, which examples are read. */
    Map<String, ?> options() {
        Map<String, @Nullable Object> options = new LinkedHashMap<>();
        options.put("format", format == null ? null : format.name());
        options.put("columns", new TreeMap<>(columns));
        options.put("text_unit", unit.name());
        return options;
    }

    /**
     * Reads all files.
     *
     * @throws DataException if a file cannot be read further, or in strict mode a row has a problem
     */
    public void forEach(Visitor visitor) throws IOException {
        Visitor checked = strict ? new Strict(visitor) : visitor;
        for (Path file : files) {
            read(file, checked);
        }
    }

    private void read(Path file, Visitor visitor) throws IOException {
        try (InputStream raw = new BufferedInputStream(Files.newInputStream(file), PEEK);
                InputStream in = decompressed(raw)) {
            byte[] start = peek(in, PEEK);
            refuseForeign(start, file);
            if (start.length >= 3
                    && start[0] == (byte) 0xEF
                    && start[1] == (byte) 0xBB
                    && start[2] == (byte) 0xBF) {
                in.skipNBytes(3);
                start = Arrays.copyOfRange(start, 3, start.length);
            }
            String name = DataFiles.plainName(file);
            int first = firstVisible(start);
            if (name.endsWith(".txt") || name.endsWith(".text") || name.endsWith(".md")) {
                readText(file, new LineReader(in), visitor);
            } else if (first == '[') {
                readArray(file, in, visitor);
            } else if (first == '{' || name.endsWith("json") || name.endsWith("jsonl")) {
                readLines(file, new LineReader(in), visitor);
            } else {
                readText(file, new LineReader(in), visitor);
            }
        } catch (DataException e) {
            throw e;
        } catch (ZipException | EOFException e) {
            throw new DataException(
                    file + " is a damaged or incomplete gzip file: " + e.getMessage(), e);
        }
    }

    private static InputStream decompressed(InputStream in) throws IOException {
        byte[] magic = peek(in, 2);
        boolean gzip = magic.length == 2 && magic[0] == 0x1F && magic[1] == (byte) 0x8B;
        return gzip ? new BufferedInputStream(new GZIPInputStream(in, PEEK), PEEK) : in;
    }

    private static byte[] peek(InputStream in, int count) throws IOException {
        in.mark(count);
        byte[] bytes = in.readNBytes(count);
        in.reset();
        return bytes;
    }

    private static int firstVisible(byte[] start) {
        for (byte b : start) {
            if (b != ' ' && b != '\t' && b != '\r' && b != '\n') {
                return b;
            }
        }
        return -1;
    }

    private static void refuseForeign(byte[] start, Path file) throws DataException {
        String magic = new String(start, 0, Math.min(6, start.length), StandardCharsets.ISO_8859_1);
        String kind = null;
        if (magic.startsWith("PAR1")) {
            kind = "a Parquet file";
        } else if (magic.startsWith("ARROW1")) {
            kind = "an Arrow file";
        } else if (magic.startsWith("PK\u0003\u0004")) {
            kind = "a zip archive";
        } else if (magic.startsWith("\u00FE\u00FF") || magic.startsWith("\u00FF\u00FE")) {
            kind = "in UTF-16";
        }
        if (kind != null) {
            throw new DataException(
                    file
                            + " is "
                            + kind
                            + "; expected JSON lines, a JSON array or text in UTF-8, possibly with"
                            + " gzip (in Python, datasets.Dataset.to_json writes JSON lines)");
        }
    }

    private void readLines(Path file, LineReader lines, Visitor visitor) throws IOException {
        boolean firstRow = true;
        while (lines.advance()) {
            try {
                String line = lines.text();
                if (!line.isBlank()) {
                    Object value = parse(line, file, firstRow);
                    firstRow = false;
                    visitor.example(example(value), file, lines.number());
                }
            } catch (RowException e) {
                visitor.problem(new Problem(file.toString(), lines.number(), e.problem()));
            }
        }
    }

    private @Nullable Object parse(String line, Path file, boolean firstRow)
            throws IOException, RowException {
        try (JsonParser parser = JsonValues.FACTORY.createParser(line)) {
            parser.nextToken();
            Object value = JsonValues.read(parser);
            if (parser.nextToken() != null) {
                throw new RowException(
                        "there is more after the JSON object; expected one object a line");
            }
            return value;
        } catch (JsonProcessingException e) {
            if (firstRow && line.strip().equals("{")) {
                throw new DataException(
                        file
                                + " holds an object that goes over several lines; expected one JSON"
                                + " object a line, or an array of objects",
                        e);
            }
            throw new RowException(
                    "the line is not valid JSON: "
                            + RowParser.brief(firstLine(e))
                            + " (column "
                            + column(e)
                            + ")");
        }
    }

    private static String firstLine(JsonProcessingException e) {
        String message = String.valueOf(e.getOriginalMessage());
        return message.lines().findFirst().orElse("");
    }

    private static int column(JsonProcessingException e) {
        return e.getLocation() == null ? 0 : e.getLocation().getColumnNr();
    }

    private void readArray(Path file, InputStream in, Visitor visitor) throws IOException {
        try (JsonParser parser = JsonValues.FACTORY.createParser(in)) {
            parser.nextToken();
            while (parser.nextToken() != JsonToken.END_ARRAY) {
                if (parser.currentToken() == null) {
                    throw new DataException(
                            file + " ends inside its JSON array; the file is cut off");
                }
                long line = parser.currentTokenLocation().getLineNr();
                try {
                    Object value = JsonValues.read(parser);
                    visitor.example(example(value), file, line);
                } catch (RowException e) {
                    visitor.problem(new Problem(file.toString(), line, e.problem()));
                }
            }
            if (parser.nextToken() != null) {
                throw new DataException(
                        file
                                + ", line "
                                + parser.currentTokenLocation().getLineNr()
                                + ": there is more after the JSON array; expected one array or one"
                                + " object a line");
            }
        } catch (JsonProcessingException e) {
            throw new DataException(
                    file
                            + ", line "
                            + (e.getLocation() == null ? 0 : e.getLocation().getLineNr())
                            + ": the JSON array cannot be read further: "
                            + firstLine(e),
                    e);
        }
    }

    private Example example(@Nullable Object value) throws RowException {
        if (columns.isEmpty() || !(value instanceof Map<?, ?> map)) {
            return RowParser.parse(value, format);
        }
        Map<String, @Nullable Object> renamed = new LinkedHashMap<>(ChatRows.stringKeys(map));
        columns.values().forEach(renamed::remove);
        for (Map.Entry<String, String> column : columns.entrySet()) {
            if (map.containsKey(column.getValue())) {
                renamed.put(column.getKey(), map.get(column.getValue()));
            }
        }
        return RowParser.parse(renamed, format);
    }

    private void readText(Path file, LineReader lines, Visitor visitor) throws IOException {
        StringBuilder document = new StringBuilder();
        long start = 1;
        while (lines.advance()) {
            String line;
            try {
                line = lines.text();
            } catch (RowException e) {
                throw new DataException(file + ", line " + lines.number() + ": " + e.problem());
            }
            boolean separator = line.strip().equals(SEPARATOR);
            boolean ends =
                    separator
                            || unit == TextUnit.LINE
                            || (unit == TextUnit.PARAGRAPH && line.isBlank());
            if (!separator && !(document.isEmpty() && line.isBlank())) {
                start = document.isEmpty() ? lines.number() : start;
                document.append(line).append('\n');
            }
            if (ends || document.length() > MAX_DOCUMENT) {
                emit(document, file, start, visitor);
            }
        }
        emit(document, file, start, visitor);
    }

    private static void emit(StringBuilder document, Path file, long line, Visitor visitor)
            throws IOException {
        String text = document.toString().stripTrailing();
        document.setLength(0);
        if (!text.isEmpty()) {
            visitor.example(new Example.Text(text), file, line);
        }
    }

    private record Strict(Visitor visitor) implements Visitor {

        @Override
        public void example(Example example, Path file, long line) throws IOException {
            visitor.example(example, file, line);
        }

        @Override
        public void problem(Problem problem) throws IOException {
            visitor.problem(problem);
            throw new DataException(problem.toString());
        }
    }
}
