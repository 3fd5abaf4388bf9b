package org.retain4j.lora;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Future;
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

    private static final ByteBuffer EMPTY = ByteBuffer.allocate(0);

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
                                maxShardBytes);
                OrderedBlocks blocks = new OrderedBlocks()) {
            long done = 0;
            for (Item item : items) {
                done += item.spec().byteCount();
                add(files, stored, item, writer, blocks, done, total);
            }
            blocks.finish();
            // the disk stores the small files together with the large one
            Future<?> beside =
                    blocks.beside(
                            space -> {
                                files.writeBeside(out, type, untied);
                                return EMPTY;
                            });
            writer.commit();
            OrderedBlocks.result(beside);
        }
    }

    /** Asks for the blocks of one tensor. */
    private void add(
            BaseFiles files,
            StoredAdapter stored,
            Item item,
            ShardedWriter writer,
            OrderedBlocks blocks,
            long done,
            long total)
            throws IOException {
        TensorInfo info = item.source();
        DType target = item.spec().dtype();
        long all = info.elementCount();
        if (all == 0) {
            return;
        }
        int columns = Math.toIntExact(info.shape().size() < 2 ? all : all / info.shape().get(0));
        WeightChange change = item.change();
        boolean halves =
                change != null
                        && info.dtype() == DType.BFLOAT16
                        && target == DType.BFLOAT16
                        && columns % 2 == 0
                        && change.isProduct(stored);
        WeightChange.Rows changed = change == null ? null : change.open(stored, files, halves);
        int step = Math.max(1, PART / columns);
        long rows = all / columns;
        for (long first = 0; first < rows; first += step) {
            Block block =
                    new Block(info, target, first, (int) Math.min(step, rows - first), columns);
            boolean last = first + step >= rows;
            blocks.add(
                    space ->
                            halves && changed != null
                                    ? block.halves(files, changed, space)
                                    : block.make(files, changed, space),
                    bytes -> {
                        writer.write(item.spec().name(), bytes);
                        if (last) {
                            progress.at(done, total);
                        }
                    });
        }
    }

    /** Some rows of a tensor. */
    private record Block(TensorInfo info, DType target, long first, int rows, int columns) {

        private ByteBuffer read(BaseFiles files, OrderedBlocks.Workspace space) throws IOException {
            int width = info.dtype().bytes();
            ByteBuffer raw = space.buffer(0, Math.multiplyExact(rows * columns, width));
            files.tensors().read(info.name(), first * columns * width, raw);
            return raw.flip();
        }

        private ByteBuffer make(
                BaseFiles files, WeightChange.@Nullable Rows changed, OrderedBlocks.Workspace space)
                throws IOException {
            ByteBuffer raw = read(files, space);
            if (changed == null && info.dtype() == target) {
                return raw;
            }
            if (changed == null) {
                return converted(info.dtype(), raw, target, 1, space);
            }
            int count = rows * columns;
            float[] values = space.values(count);
            ByteBuffer exact = converted(info.dtype(), raw, DType.FLOAT32, 1, space);
            exact.asFloatBuffer().get(values, 0, count);
            changed.apply(values, rows, columns, first);
            exact.asFloatBuffer().put(values, 0, count);
            return converted(DType.FLOAT32, exact, target, 2, space);
        }

        private ByteBuffer converted(
                DType from, ByteBuffer in, DType to, int number, OrderedBlocks.Workspace space) {
            ByteBuffer out = space.buffer(number, Math.multiplyExact(rows * columns, to.bytes()));
            ElementConversion.convert(from, in, to, out);
            return out.flip();
        }

        /** Adds a product to bfloat16 numbers. */
        private ByteBuffer halves(
                BaseFiles files, WeightChange.Rows changed, OrderedBlocks.Workspace space)
                throws IOException {
            ByteBuffer raw = read(files, space);
            float[] values = space.values(rows * columns);
            int[] words = space.words(columns);
            ByteBuffer exchange = space.buffer(1, columns * Float.BYTES);
            BfloatHalves.read(raw, rows, columns, words, exchange, values);
            changed.apply(values, rows, columns, first);
            BfloatHalves.write(values, rows, columns, words, exchange, raw);
            return raw;
        }
    }
}
