package org.retain4j.finetune.data;

import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.retain4j.core.io.Sha256;
import org.retain4j.core.tensor.Random;
import org.retain4j.finetune.TrainRow;

/**
 * Training rows that can be asked for by number, in memory or in a file of tokens on disk.
 *
 * <p>Rows in a file are mapped, not loaded: the data can be larger than the memory. Immutable, safe
 * for all threads.
 */
public final class EncodedDataset {

    /** A table of rows. */
    interface Rows {
        int size();

        int length(int row);

        /** Returns whether a row comes from the same example as the one before. */
        boolean continues(int row);

        TrainRow row(int row);
    }

    /**
     * Rows to train on and rows to measure on.
     *
     * @param training what is trained on
     * @param evaluation what is held out
     * @param removed rows in neither, because their tokens are also held out
     */
    public record Split(EncodedDataset training, EncodedDataset evaluation, int removed) {}

    private static final JsonMapper JSON = new JsonMapper();

    private final Rows rows;
    private final int @Nullable [] chosen;
    private final DataReport report;
    private final String note;

    private EncodedDataset(Rows rows, int @Nullable [] chosen, DataReport report, String note) {
        this.rows = rows;
        this.chosen = chosen;
        this.report = report;
        this.note = note;
    }

    /**
     * Makes a data set of rows in memory.
     *
     * @throws IllegalArgumentException if there is none
     */
    public static EncodedDataset of(List<TrainRow> rows) {
        if (rows.isEmpty()) {
            throw new IllegalArgumentException("a data set needs at least one row");
        }
        MemoryRows memory = new MemoryRows(Long.MAX_VALUE);
        rows.forEach(row -> memory.add(row, false));
        return new EncodedDataset(memory, null, new DataReport(List.of(), List.of()), "");
    }

    /**
     * Encodes data into memory.
     *
     * @param listener hears of rows that are skipped
     * @throws DataException if a file cannot be read, a row has a problem in strict mode, no row
     *     can be used, or the tokens would take more than a quarter of the largest heap
     */
    public static EncodedDataset encode(
            ExampleReader reader, ExampleEncoder encoder, Problem.Listener listener)
            throws IOException {
        MemoryRows rows = new MemoryRows(Runtime.getRuntime().maxMemory() / 4);
        DataReport report = DatasetEncoding.run(reader, encoder, listener, rows::addBounded);
        return new EncodedDataset(rows, null, report, "");
    }

    /**
     * Opens the tokens of data in a cache folder, or encodes the data and stores them there.
     *
     * <p>The name of a file in the cache is a hash of the contents of the data files (not of their
     * paths), the tokenizer, the chat template and the options. A damaged file is replaced. Several
     * processes may use one folder. Problems are heard of only when the data are encoded; the
     * report counts them in any case.
     *
     * @param folder made if it does not exist
     * @throws DataException as {@link #encode}, memory apart
     */
    public static EncodedDataset cached(
            ExampleReader reader, ExampleEncoder encoder, Path folder, Problem.Listener listener)
            throws IOException {
        Files.createDirectories(folder);
        byte[] key = key(reader, encoder);
        Path file = folder.resolve("tokens-" + Sha256.of(key).substring(0, 32) + ".r4j");
        String note = "encoded into " + file;
        if (Files.exists(file)) {
            try {
                RowFile cached = RowFile.open(file, key);
                DataReport report = named(cached.report(), reader);
                if (!reader.isStrict() || report.total().skipped() == 0) {
                    return new EncodedDataset(cached, null, report, "read from " + file);
                }
            } catch (DataException e) {
                note = "encoded again, since " + e.getMessage();
            }
        }
        RowFile.write(file, key, sink -> DatasetEncoding.run(reader, encoder, listener, sink));
        RowFile written = RowFile.open(file, key);
        return new EncodedDataset(written, null, named(written.report(), reader), note);
    }

    private static byte[] key(ExampleReader reader, ExampleEncoder encoder) throws IOException {
        List<String> hashes = new ArrayList<>();
        for (Path file : reader.files()) {
            // the extension decides whether a file is plain text
            String name = DataFiles.plainName(file);
            hashes.add(Sha256.of(file) + name.substring(Math.max(0, name.lastIndexOf('.'))));
        }
        Map<String, Object> key = new LinkedHashMap<>();
        key.put("version", RowFile.VERSION);
        key.put("data", hashes);
        key.put("reader", reader.options());
        key.put("encoder", encoder.identity());
        return JSON.writeValueAsString(key).getBytes(StandardCharsets.UTF_8);
    }

    /** The cached counts may be from the time when the files had other names. */
    private static DataReport named(DataReport report, ExampleReader reader) throws DataException {
        if (report.files().size() != reader.files().size()) {
            throw new DataException("the stored counts are of other files");
        }
        List<FileCounts> files = new ArrayList<>();
        for (int i = 0; i < report.files().size(); i++) {
            String name = reader.files().get(i).toString();
            files.add(
                    new FileCounts(name, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
                            .plus(report.files().get(i)));
        }
        return new DataReport(files, report.notes());
    }

    /** Returns the number of rows. */
    public int size() {
        return chosen == null ? rows.size() : chosen.length;
    }

    /** Returns the number of tokens of a row. */
    public int length(int row) {
        return rows.length(inner(row));
    }

    /** Returns a row; do not change its arrays. */
    public TrainRow row(int row) {
        return rows.row(inner(row));
    }

    /** Returns what became of the data, of the whole also for a part. */
    public DataReport report() {
        return report;
    }

    /** Returns where the tokens come from, in a few words; empty for memory. */
    public String note() {
        return note;
    }

    private int inner(int row) {
        return chosen == null ? row : chosen[row];
    }

    /**
     * Holds out the last examples.
     *
     * @param examples how many; all rows of a split example stay together
     * @throws IllegalArgumentException if nothing would be left on a side
     */
    public Split splitLast(int examples) {
        int[] starts = exampleStarts();
        checkSplit(examples, starts.length);
        Set<Integer> held = new HashSet<>();
        for (int i = starts.length - examples; i < starts.length; i++) {
            held.add(i);
        }
        return split(starts, held);
    }

    /**
     * Holds out randomly chosen examples.
     *
     * @param size the number of examples if at least 1, otherwise the share of them, rounded to at
     *     least one example
     * @param seed seed of the choice
     * @throws IllegalArgumentException if nothing would be left on a side
     */
    public Split splitRandom(double size, long seed) {
        int[] starts = exampleStarts();
        if (!(size > 0) || (size >= 1 && size != Math.rint(size))) {
            throw new IllegalArgumentException(
                    "the size of the evaluation data is "
                            + size
                            + ", expected a share below 1 or a whole number of examples");
        }
        long wanted = size >= 1 ? (long) size : Math.max(1, Math.round(size * starts.length));
        checkSplit(wanted, starts.length);
        int[] order = Random.at(seed, 0, "eval-split").permutation(starts.length);
        Set<Integer> held = new HashSet<>();
        for (int i = 0; i < wanted; i++) {
            held.add(order[i]);
        }
        return split(starts, held);
    }

    private static void checkSplit(long held, int all) {
        if (held < 1 || held >= all) {
            throw new IllegalArgumentException(
                    "cannot hold out "
                            + held
                            + " of "
                            + all
                            + " examples; leave at least one to train on and one to measure on");
        }
    }

    private int[] exampleStarts() {
        return IntStream.range(0, size()).filter(row -> !rows.continues(inner(row))).toArray();
    }

    private Split split(int[] starts, Set<Integer> held) {
        Map<Integer, List<int[]>> heldRows = new HashMap<>();
        int[] training = new int[size()];
        int[] evaluation = new int[size()];
        int trained = 0;
        int measured = 0;
        for (int pass = 0; pass < 2; pass++) {
            for (int example = 0; example < starts.length; example++) {
                int end = example + 1 < starts.length ? starts[example + 1] : size();
                if (held.contains(example) != (pass == 0)) {
                    continue;
                }
                for (int row = starts[example]; row < end; row++) {
                    int[] ids = row(row).ids();
                    int hash = Arrays.hashCode(ids);
                    if (pass == 0) {
                        heldRows.computeIfAbsent(hash, h -> new ArrayList<>()).add(ids);
                        evaluation[measured++] = inner(row);
                    } else if (heldRows.getOrDefault(hash, List.of()).stream()
                            .noneMatch(other -> Arrays.equals(other, ids))) {
                        training[trained++] = inner(row);
                    }
                }
            }
        }
        if (trained == 0) {
            throw new IllegalArgumentException(
                    "every example to train on is also held out; there are too many duplicates");
        }
        return new Split(
                part(Arrays.copyOf(training, trained)),
                part(Arrays.copyOf(evaluation, measured)),
                size() - trained - measured);
    }

    private EncodedDataset part(int[] part) {
        return new EncodedDataset(rows, part, report, note);
    }
}
