package org.retain4j.lora;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.retain4j.core.io.ElementConversion;
import org.retain4j.core.io.ShardedWriter;
import org.retain4j.core.io.TensorCopy;
import org.retain4j.core.io.TensorInfo;
import org.retain4j.core.io.TensorSpec;
import org.retain4j.core.tensor.DType;

/**
 * Puts an adapter into the weights of a model folder, part by part and without loading the model.
 *
 * <pre>{@code
 * LoraMerge.of(base, adapter).run(out);
 * }</pre>
 *
 * <p>Arithmetic is float32 with one rounding to the type of the weights. The base is only read.
 * Memory is a few tens of megabytes beside the factors of a module. Immutable.
 */
public final class LoraMerge {

    /** Largest weight file by default, 5 GB. */
    private static final long MAX_SHARD = 5_000_000_000L;

    private static final int PART = 1 << 18;

    private final Path base;
    private final Path adapter;
    private final @Nullable DType type;
    private final long maxShardBytes;
    private final double share;
    private final boolean anyBase;
    private final TensorCopy.Progress progress;

    private LoraMerge(
            Path base,
            Path adapter,
            @Nullable DType type,
            long maxShardBytes,
            double share,
            boolean anyBase,
            TensorCopy.Progress progress) {
        this.base = base;
        this.adapter = adapter;
        this.type = type;
        this.maxShardBytes = maxShardBytes;
        this.share = share;
        this.anyBase = anyBase;
        this.progress = progress;
    }

    /** Merges the adapter of one folder into the model of another, in the type of its weights. */
    public static LoraMerge of(Path base, Path adapter) {
        return new LoraMerge(base, adapter, null, MAX_SHARD, 1, false, (done, total) -> {});
    }

    /** Writes floating-point weights as float32, float16 or bfloat16. */
    public LoraMerge type(DType value) {
        if (value != DType.FLOAT32 && value != DType.FLOAT16 && value != DType.BFLOAT16) {
            throw new IllegalArgumentException(
                    "weights cannot be written as "
                            + value
                            + "; choose float32, float16 or bfloat16");
        }
        return new LoraMerge(base, adapter, value, maxShardBytes, share, anyBase, progress);
    }

    /** Starts a new file after this many bytes of weights. */
    public LoraMerge maxShardBytes(long value) {
        return new LoraMerge(base, adapter, type, value, share, anyBase, progress);
    }

    /**
     * Multiplies the scale of the adapter, for example by −1 to take back what it learned; only for
     * adapters that are nothing but products of two matrices.
     */
    public LoraMerge share(double value) {
        return new LoraMerge(base, adapter, type, maxShardBytes, value, anyBase, progress);
    }

    /** Takes a base of another name than the one that the adapter was recorded with. */
    public LoraMerge anyBase() {
        return new LoraMerge(base, adapter, type, maxShardBytes, share, true, progress);
    }

    /** Tells of the bytes written. */
    public LoraMerge progress(TensorCopy.Progress value) {
        return new LoraMerge(base, adapter, type, maxShardBytes, share, anyBase, value);
    }

    /**
     * Writes the merged model.
     *
     * @param out folder, made if missing; not the base's own
     * @throws LoraException if the adapter is damaged or belongs to another model
     * @throws IOException if a file cannot be read or written
     */
    public void run(Path out) throws IOException {
        try (BaseFiles files = BaseFiles.open(base);
                StoredAdapter stored = StoredAdapter.open(adapter)) {
            if (Files.exists(out) && Files.exists(base) && Files.isSameFile(base, out)) {
                throw new LoraException(
                        out + " is the folder of the base, which is never overwritten");
            }
            if (!anyBase) {
                files.requireRecorded(adapter, stored.config());
            }
            stored.requireOwnBase();
            Map<String, WeightChange> changes = WeightChange.all(files, stored, share);
            boolean untied = files.hasTiedHead() && WeightChange.separatesHead(files, changes);
            if (untied && !stored.tokenRows().isEmpty()) {
                throw new LoraException(
                        adapter
                                + " changes an embedding and its tied head apart and single rows"
                                + " of both, which cannot be merged together");
            }
            write(files, stored, changes, untied, out);
            files.writeBeside(out, type, untied);
        } catch (UncheckedIOException e) {
            throw e.getCause();
        }
    }

    /** A tensor to write: its name in the target, and where it comes from. */
    private record Item(TensorSpec spec, TensorInfo source, @Nullable WeightChange change) {}

    private DType targetType(TensorInfo info) {
        return type != null && info.dtype().isFloatingPoint() ? type : info.dtype();
    }

    private void write(
            BaseFiles files,
            StoredAdapter stored,
            Map<String, WeightChange> changes,
            boolean untied,
            Path out)
            throws IOException {
        Map<String, WeightChange> byTensor = new LinkedHashMap<>();
        String head = files.names().head() + ".weight";
        for (WeightChange change : changes.values()) {
            if (!untied || !change.parameter().equals(head)) {
                byTensor.put(change.tensor().name(), change);
            }
        }
        List<Item> items = new ArrayList<>();
        for (TensorInfo info : files.tensors().tensors().values()) {
            TensorSpec spec = new TensorSpec(info.name(), targetType(info), info.shape());
            items.add(new Item(spec, info, byTensor.get(info.name())));
        }
        if (untied) {
            TensorInfo table = files.stored(files.names().embedding() + ".weight");
            if (table == null) {
                throw new LoraException(files.path() + " has no embedding");
            }
            items.add(
                    new Item(
                            new TensorSpec(head, targetType(table), table.shape()),
                            table,
                            changes.get(head)));
        }
        long total = items.stream().mapToLong(item -> item.spec().byteCount()).sum();
        try (ShardedWriter writer =
                ShardedWriter.create(
                        out,
                        items.stream().map(Item::spec).toList(),
                        Map.of("format", "pt"),
                        maxShardBytes)) {
            long done = 0;
            ByteBuffer in = ByteBuffer.allocateDirect(PART * 8).order(ByteOrder.LITTLE_ENDIAN);
            ByteBuffer converted =
                    ByteBuffer.allocateDirect(PART * 8).order(ByteOrder.LITTLE_ENDIAN);
            for (Item item : items) {
                if (item.change() == null) {
                    copy(files, item, writer, in, converted);
                } else {
                    merge(files, stored, item, item.change(), writer);
                }
                done += item.spec().byteCount();
                progress.at(done, total);
            }
            writer.commit();
        }
    }

    private static void copy(
            BaseFiles files, Item item, ShardedWriter writer, ByteBuffer in, ByteBuffer converted)
            throws IOException {
        TensorInfo info = item.source();
        int part = PART * info.dtype().bytes();
        for (long at = 0; at < info.byteCount(); at += part) {
            in.clear().limit((int) Math.min(part, info.byteCount() - at));
            files.tensors().read(info.name(), at, in);
            in.flip();
            if (info.dtype() == item.spec().dtype()) {
                writer.write(item.spec().name(), in);
            } else {
                converted.clear();
                ElementConversion.convert(info.dtype(), in, item.spec().dtype(), converted);
                writer.write(item.spec().name(), converted.flip());
            }
        }
    }

    private static void merge(
            BaseFiles files,
            StoredAdapter stored,
            Item item,
            WeightChange change,
            ShardedWriter writer)
            throws IOException {
        DType type = item.spec().dtype();
        WeightChange.Rows changed = change.open(stored, files);
        try {
            files.forEachPart(
                    item.source(),
                    (values, rows, columns, first) -> {
                        changed.apply(values, rows, columns, first);
                        int count = rows * columns;
                        ByteBuffer exact = files.buffer(2, count * Float.BYTES);
                        exact.asFloatBuffer().put(values, 0, count);
                        exact.limit(count * Float.BYTES);
                        ByteBuffer rounded = files.buffer(3, count * type.bytes());
                        ElementConversion.convert(DType.FLOAT32, exact, type, rounded);
                        write(writer, item.spec().name(), rounded.flip());
                    });
        } catch (UncheckedIOException e) {
            throw e.getCause();
        }
    }

    private static void write(ShardedWriter writer, String name, ByteBuffer bytes) {
        try {
            writer.write(name, bytes);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
