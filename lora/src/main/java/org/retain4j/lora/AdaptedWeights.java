package org.retain4j.lora;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import org.retain4j.core.io.Sha256;

/**
 * What an adapter makes of the weights of a model folder, row by row and without writing or loading
 * the model: for whoever reads the weights himself.
 *
 * <p>Arithmetic is float32, as in {@link LoraMerge}. Memory is that of the factors of a few
 * modules. Safe for all threads.
 */
public final class AdaptedWeights implements AutoCloseable {

    /** Modules whose factors are held at a time. */
    private static final int HELD = 8;

    private final BaseFiles files;
    private final StoredAdapter stored;
    private final Map<String, WeightChange> changes = new HashMap<>();
    private final Map<String, WeightChange.Rows> opened = new LinkedHashMap<>(16, 0.75f, true);

    private AdaptedWeights(BaseFiles files, StoredAdapter stored) {
        this.files = files;
        this.stored = stored;
    }

    /**
     * Opens an adapter for a model.
     *
     * @param base model folder
     * @param adapter folder in PEFT's format
     * @throws LoraException if the adapter is damaged, does not fit the model, or changes a head
     *     that the model shares with its embedding
     * @throws IOException if a file cannot be read
     */
    public static AdaptedWeights open(Path base, Path adapter) throws IOException {
        BaseFiles files = BaseFiles.open(base);
        try {
            StoredAdapter stored = StoredAdapter.open(adapter);
            AdaptedWeights weights = new AdaptedWeights(files, stored);
            try {
                weights.index(adapter);
                return weights;
            } catch (IOException | RuntimeException e) {
                stored.close();
                throw e;
            }
        } catch (IOException | RuntimeException e) {
            files.close();
            throw e;
        }
    }

    private void index(Path adapter) throws LoraException {
        stored.requireOwnBase();
        Map<String, WeightChange> all = WeightChange.all(files, stored, 1);
        if (files.hasTiedHead() && WeightChange.separatesHead(files, all)) {
            throw new LoraException(
                    adapter
                            + " changes the head or the embedding of "
                            + files.path()
                            + ", which are one tensor; merge it into a folder of its own first");
        }
        all.values().forEach(change -> changes.put(change.tensor().name(), change));
    }

    /** Returns the names of the stored tensors that the adapter changes; unmodifiable. */
    public Set<String> changed() {
        return Collections.unmodifiableSet(changes.keySet());
    }

    /** Returns the SHA-256 of the adapter's weights and configuration. */
    public String hash() throws IOException {
        String both =
                Sha256.of(stored.folder().resolve(StoredAdapter.WEIGHTS))
                        + Sha256.of(stored.folder().resolve(ConfigFile.NAME));
        return Sha256.of(both.getBytes(StandardCharsets.UTF_8));
    }

    /**
     * Changes rows of a tensor in place.
     *
     * @param tensor one of {@link #changed()}
     * @param values the rows as stored, one after another
     * @param rows number of rows
     * @param columns length of a row, the product of all sizes but the first
     * @param first number of the first row in the tensor
     * @throws IOException if the factors cannot be read
     */
    public void apply(String tensor, float[] values, int rows, int columns, long first)
            throws IOException {
        try {
            open(tensor).apply(values, rows, columns, first);
        } catch (UncheckedIOException e) {
            throw e.getCause();
        }
    }

    private synchronized WeightChange.Rows open(String tensor) throws IOException {
        WeightChange.Rows rows = opened.get(tensor);
        if (rows == null) {
            WeightChange change = changes.get(tensor);
            if (change == null) {
                throw new IllegalArgumentException("the adapter does not change " + tensor);
            }
            rows = change.open(stored, files, false);
            opened.put(tensor, rows);
            if (opened.size() > HELD) {
                opened.remove(opened.keySet().iterator().next());
            }
        }
        return rows;
    }

    @Override
    public void close() throws IOException {
        stored.close();
        files.close();
    }
}
