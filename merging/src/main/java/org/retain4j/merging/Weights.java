package org.retain4j.merging;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.retain4j.core.io.SafetensorsFile;
import org.retain4j.core.io.SafetensorsFolder;
import org.retain4j.core.io.Sha256;
import org.retain4j.core.io.TensorInfo;
import org.retain4j.core.io.TensorSource;
import org.retain4j.lora.AdaptedWeights;
import org.retain4j.merging.method.FloatSource;

/**
 * The stored weights of a model or a vector, read as float32 in parts.
 *
 * <p>For one thread, except with a {@link FloatReader} of the thread's own.
 */
final class Weights implements AutoCloseable {

    private final Path path;
    private final TensorSource source;
    private final FloatReader reader = new FloatReader();

    private final @Nullable AdaptedWeights adapter;

    private Weights(Path path, TensorSource source, @Nullable AdaptedWeights adapter) {
        this.path = path;
        this.source = source;
        this.adapter = adapter;
    }

    /** Opens the weights of a model folder, or a single file. */
    static Weights of(Path path) throws IOException {
        return Files.isRegularFile(path) ? ofFile(path) : ofModel(path);
    }

    /** Opens the weights of a model folder. */
    static Weights ofModel(Path folder) throws IOException {
        return new Weights(folder, SafetensorsFolder.open(folder), null);
    }

    /** Opens the weights of a model folder with an adapter put in. */
    static Weights ofModel(Path folder, Path adapter) throws IOException {
        AdaptedWeights adapted = AdaptedWeights.open(folder, adapter);
        try {
            return new Weights(folder, SafetensorsFolder.open(folder), adapted);
        } catch (IOException | RuntimeException e) {
            adapted.close();
            throw e;
        }
    }

    /** Opens a single file. */
    static Weights ofFile(Path file) throws IOException {
        return new Weights(file, SafetensorsFile.open(file), null);
    }

    Path path() {
        return path;
    }

    Map<String, String> metadata() {
        return source.metadata();
    }

    Map<String, TensorInfo> tensors() {
        return source.tensors();
    }

    @Nullable TensorInfo find(String name) {
        return source.tensors().get(name);
    }

    /** Returns the elements of a floating-point tensor that must exist. */
    FloatSource floats(String name) throws IOException {
        return floats(source.tensor(name));
    }

    /** Returns the elements of a floating-point tensor. */
    FloatSource floats(TensorInfo info) throws MergeException {
        return floats(info, reader);
    }

    /** Returns the elements of a floating-point tensor for the thread that a reader belongs to. */
    FloatSource floats(TensorInfo info, FloatReader through) throws MergeException {
        if (!info.dtype().isFloatingPoint()) {
            throw new MergeException(
                    path
                            + " holds "
                            + info.name()
                            + " as "
                            + info.dtype()
                            + "; expected a floating-point type");
        }
        FloatSource plain = (at, target, count) -> through.read(source, info, at, target, count);
        return adapted(info, plain);
    }

    /** Returns the elements with what the adapter changes in them. */
    private FloatSource adapted(TensorInfo info, FloatSource plain) {
        AdaptedWeights changes = adapter;
        if (changes == null || !changes.changed().contains(info.name())) {
            return plain;
        }
        long rows = info.shape().isEmpty() ? 1 : info.shape().get(0);
        int columns = Math.toIntExact(info.elementCount() / Math.max(1, rows));
        float[][] whole = {new float[0]};
        return (at, target, count) -> {
            if (count == 0) {
                return;
            }
            long first = at / columns;
            int wanted = (int) ((at + count - 1) / columns - first + 1);
            int size = Math.multiplyExact(wanted, columns);
            float[] values = whole[0].length < size ? new float[size] : whole[0];
            whole[0] = values;
            plain.read(first * columns, values, size);
            changes.apply(info.name(), values, wanted, columns, first);
            System.arraycopy(values, (int) (at - first * columns), target, 0, count);
        };
    }

    /** Returns whether an adapter changes a tensor. */
    boolean isAdapted(TensorInfo info) {
        return adapter != null && adapter.changed().contains(info.name());
    }

    /** Returns the hash of the adapter, empty where there is none. */
    String adapterHash() throws IOException {
        return adapter == null ? "" : adapter.hash();
    }

    void bytes(TensorInfo info, long at, ByteBuffer target) throws IOException {
        source.read(info.name(), at, target);
    }

    /** Returns a hash of all weight files, the same wherever the folder lies. */
    String hash() throws IOException {
        Map<String, String> hashes = new TreeMap<>();
        for (Map.Entry<String, Path> file : files().entrySet()) {
            hashes.put(file.getKey(), Sha256.of(file.getValue()));
        }
        return hash(hashes);
    }

    /** Returns the same from the hashes of the files. */
    static String hash(Map<String, String> hashes) {
        if (hashes.size() == 1) {
            return hashes.values().iterator().next();
        }
        StringBuilder all = new StringBuilder();
        new TreeMap<>(hashes)
                .forEach((name, hash) -> all.append(hash).append("  ").append(name).append('\n'));
        return Sha256.of(all.toString().getBytes(StandardCharsets.UTF_8));
    }

    /** Returns the weight files by name. */
    Map<String, Path> files() {
        Map<String, Path> files = new TreeMap<>();
        if (source instanceof SafetensorsFolder folder) {
            folder.files().forEach((name, file) -> files.put(name, file.path()));
        } else {
            files.put(String.valueOf(path.getFileName()), path);
        }
        return files;
    }

    /** Fails unless a tensor has the shape of another. */
    void requireShape(TensorInfo info, List<Long> shape, Path other) throws MergeException {
        if (!info.shape().equals(shape)) {
            throw new MergeException(
                    "Tensor "
                            + info.name()
                            + " has shape "
                            + info.shape()
                            + " in "
                            + path
                            + " and "
                            + shape
                            + " in "
                            + other
                            + "; expected the same");
        }
    }

    @Override
    public void close() throws IOException {
        try {
            if (adapter != null) {
                adapter.close();
            }
        } finally {
            source.close();
        }
    }
}
