package org.retain4j.core.io;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.retain4j.core.tensor.DType;

/**
 * Copies the weights of a source into a model folder, in another element type and in shards of
 * another size if wanted.
 *
 * <p>Memory use is a few megabytes, whatever the size of the weights. Stateless and safe for all
 * threads.
 */
public final class TensorCopy {

    private static final int ELEMENTS_AT_A_TIME = 1 << 18;

    private TensorCopy() {}

    /** Is told how far a copy has come, from the copying thread. */
    @FunctionalInterface
    public interface Progress {
        /**
         * Called after every part.
         *
         * @param done bytes written so far
         * @param total bytes to write, at least {@code done}
         */
        void at(long done, long total);
    }

    /**
     * Copies all tensors of a source, in its order, to {@code model.safetensors} or shards with an
     * index.
     *
     * @param folder target, made if missing; see {@link ShardedWriter} for what happens to weights
     *     that it holds
     * @param dtype type for all floating-point tensors, each rounded once: float32, float16 or
     *     bfloat16; null keeps every type; integers and booleans keep theirs in any case
     * @param maxShardBytes largest number of bytes of tensors in a file
     * @return what was written, in order
     * @throws IllegalArgumentException when the type or size is not as described
     * @throws IOException when the source cannot be read, the target cannot be written, or it is
     *     the folder of the source
     */
    public static List<TensorSpec> copy(
            TensorSource source,
            Path folder,
            @Nullable DType dtype,
            long maxShardBytes,
            Progress progress)
            throws IOException {
        if (dtype != null
                && dtype != DType.FLOAT32
                && dtype != DType.FLOAT16
                && dtype != DType.BFLOAT16) {
            throw new IllegalArgumentException(
                    "Cannot convert weights to "
                            + dtype
                            + "; expected float32, float16 or bfloat16");
        }
        if (source instanceof SafetensorsFolder from
                && Files.exists(folder)
                && Files.isSameFile(from.path(), folder)) {
            throw new IOException(
                    folder + " is the folder that the weights come from; choose another target");
        }
        List<TensorSpec> specs =
                source.tensors().values().stream()
                        .map(info -> new TensorSpec(info.name(), type(info, dtype), info.shape()))
                        .toList();
        long total = 0;
        for (TensorSpec spec : specs) {
            total = Math.addExact(total, spec.byteCount());
        }
        try (ShardedWriter writer =
                ShardedWriter.create(folder, specs, Map.of("format", "pt"), maxShardBytes)) {
            ByteBuffer in = ByteBuffer.allocateDirect(ELEMENTS_AT_A_TIME * 8);
            ByteBuffer out = ByteBuffer.allocateDirect(ELEMENTS_AT_A_TIME * 8);
            long done = 0;
            for (TensorSpec spec : specs) {
                TensorInfo info = source.tensor(spec.name());
                int part = ELEMENTS_AT_A_TIME * info.dtype().bytes();
                for (long at = 0; at < info.byteCount(); at += part) {
                    in.clear().limit((int) Math.min(part, info.byteCount() - at));
                    source.read(spec.name(), at, in);
                    in.flip();
                    ByteBuffer bytes = in;
                    if (info.dtype() != spec.dtype()) {
                        out.clear();
                        ElementConversion.convert(info.dtype(), in, spec.dtype(), out);
                        bytes = out.flip();
                    }
                    done += bytes.remaining();
                    writer.write(spec.name(), bytes);
                    progress.at(done, total);
                }
            }
            writer.commit();
        }
        return specs;
    }

    private static DType type(TensorInfo info, @Nullable DType dtype) {
        return dtype != null && info.dtype().isFloatingPoint() ? dtype : info.dtype();
    }
}
