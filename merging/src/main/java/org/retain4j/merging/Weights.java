package org.retain4j.merging;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.retain4j.core.io.ElementConversion;
import org.retain4j.core.io.SafetensorsFile;
import org.retain4j.core.io.SafetensorsFolder;
import org.retain4j.core.io.Sha256;
import org.retain4j.core.io.TensorInfo;
import org.retain4j.core.io.TensorSource;
import org.retain4j.core.tensor.DType;
import org.retain4j.merging.method.FloatSource;

/** The stored weights of a model or a vector, read as float32 in parts; for one thread. */
final class Weights implements AutoCloseable {

    private static final int PART = 1 << 16;

    private final Path path;
    private final TensorSource source;
    private final ByteBuffer stored =
            ByteBuffer.allocateDirect(PART * 8).order(ByteOrder.LITTLE_ENDIAN);
    private final ByteBuffer floats =
            ByteBuffer.allocateDirect(PART * 4).order(ByteOrder.LITTLE_ENDIAN);

    private Weights(Path path, TensorSource source) {
        this.path = path;
        this.source = source;
    }

    /** Opens the weights of a model folder. */
    static Weights ofModel(Path folder) throws IOException {
        return new Weights(folder, SafetensorsFolder.open(folder));
    }

    /** Opens a single file. */
    static Weights ofFile(Path file) throws IOException {
        return new Weights(file, SafetensorsFile.open(file));
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
        if (!info.dtype().isFloatingPoint()) {
            throw new MergeException(
                    path
                            + " holds "
                            + info.name()
                            + " as "
                            + info.dtype()
                            + "; expected a floating-point type");
        }
        return (at, target, count) -> {
            for (int done = 0; done < count; ) {
                int part = Math.min(PART, count - done);
                read(info, at + done, target, done, part);
                done += part;
            }
        };
    }

    private void read(TensorInfo info, long at, float[] target, int offset, int count)
            throws IOException {
        int width = info.dtype().bytes();
        stored.clear().limit(count * width);
        source.read(info.name(), at * width, stored);
        stored.flip();
        ByteBuffer exact = stored;
        if (info.dtype() != DType.FLOAT32) {
            floats.clear();
            ElementConversion.convert(info.dtype(), stored, DType.FLOAT32, floats);
            exact = floats.flip();
        }
        exact.asFloatBuffer().get(target, offset, count);
    }

    void bytes(TensorInfo info, long at, ByteBuffer target) throws IOException {
        source.read(info.name(), at, target);
    }

    /** Returns a hash of all weight files, the same wherever the folder lies. */
    String hash() throws IOException {
        Map<String, String> hashes = new TreeMap<>();
        if (source instanceof SafetensorsFolder folder) {
            for (Map.Entry<String, SafetensorsFile> file : folder.files().entrySet()) {
                hashes.put(file.getKey(), Sha256.of(file.getValue().path()));
            }
        } else {
            return Sha256.of(path);
        }
        if (hashes.size() == 1) {
            return hashes.values().iterator().next();
        }
        StringBuilder all = new StringBuilder();
        hashes.forEach((name, hash) -> all.append(hash).append("  ").append(name).append('\n'));
        return Sha256.of(all.toString().getBytes(StandardCharsets.UTF_8));
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
        source.close();
    }
}
