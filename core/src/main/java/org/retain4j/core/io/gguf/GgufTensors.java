package org.retain4j.core.io.gguf;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.retain4j.core.io.SafetensorsException;
import org.retain4j.core.io.TensorInfo;
import org.retain4j.core.io.TensorSource;
import org.retain4j.core.tensor.DType;

/**
 * The tensors of a GGUF file under their Hugging Face names, in PyTorch's order of elements.
 *
 * <p>Quantised tensors appear as float32, and so do those whose values or matrix order a converter
 * changed; others keep their type. Parts are decoded when they are asked for, a bounded piece at a
 * time; only transposed matrices (GPT-2) are decoded as a whole for each call, so ask for those in
 * large parts. Safe for all threads.
 */
final class GgufTensors implements TensorSource {

    private static final int PIECE = 1 << 14;
    private static final int MAX_ROW = 1 << 24;
    private static final int MAX_TRANSPOSED = 1 << 28;

    private final GgufFile file;
    private final Map<String, Entry> entries = new LinkedHashMap<>();
    private final Map<String, TensorInfo> infos = new LinkedHashMap<>();

    /** A stored tensor as it is shown: {@code headSize} is 0 unless rows are permuted. */
    private record Entry(
            GgufTensor stored, TensorInfo info, Architecture.Change change, int headSize) {
        int rowElements() {
            List<Long> shape = info.shape();
            return shape.size() < 2 ? 1 : Math.toIntExact(shape.get(shape.size() - 1));
        }
    }

    GgufTensors(GgufFile file, Architecture architecture, int heads, int keyHeads)
            throws GgufException {
        this.file = file;
        long begin = 0;
        for (GgufTensor stored : file.tensors().values()) {
            if (GgufRope.isTable(stored.name())) {
                continue;
            }
            Architecture.Target target = architecture.target(stored.name());
            if (target == null) {
                throw file.metadata()
                        .fail(
                                "tensor "
                                        + GgufHeader.quote(stored.name())
                                        + " is unknown for the architecture "
                                        + architecture.ggufName()
                                        + "; the model has parts that are not supported");
            }
            Entry entry = entry(stored, target, heads, keyHeads, begin);
            begin += entry.info().byteCount();
            entries.put(target.name(), entry);
            infos.put(target.name(), entry.info());
        }
    }

    private Entry entry(
            GgufTensor stored, Architecture.Target target, int heads, int keyHeads, long begin)
            throws GgufException {
        Architecture.Change change = target.change();
        List<Long> shape = new ArrayList<>(stored.dimensions());
        Collections.reverse(shape);
        String name = "tensor " + GgufHeader.quote(stored.name());
        if (shape.isEmpty() || shape.size() > 2 || stored.dimensions().get(0) > MAX_ROW) {
            throw file.metadata()
                    .fail(
                            name
                                    + " has the dimensions "
                                    + stored.dimensions()
                                    + "; expected a vector or a matrix with rows of at most "
                                    + MAX_ROW);
        }
        int headSize = 0;
        if (change == Architecture.Change.QUERY_ROWS || change == Architecture.Change.KEY_ROWS) {
            int count = change == Architecture.Change.QUERY_ROWS ? heads : keyHeads;
            long rows = shape.get(0);
            boolean whole = shape.size() == 2 || stored.type().blockElements() == 1;
            if (!whole || rows % (2L * count) != 0 || rows / count > MAX_ROW) {
                throw file.metadata()
                        .fail(
                                name
                                        + " has "
                                        + rows
                                        + " rows, which do not form "
                                        + count
                                        + " heads");
            }
            headSize = (int) (rows / count);
        }
        if (change == Architecture.Change.TRANSPOSED) {
            if (shape.size() != 2 || shape.get(0) > MAX_ROW) {
                throw file.metadata()
                        .fail(name + " has the dimensions " + shape + "; expected a matrix");
            }
            Collections.reverse(shape);
        }
        long elements = stored.elementCount();
        DType type =
                !isRaw(stored, change)
                        ? DType.FLOAT32
                        : switch (stored.type()) {
                            case F16 -> DType.FLOAT16;
                            case BF16 -> DType.BFLOAT16;
                            default -> DType.FLOAT32;
                        };
        TensorInfo info =
                new TensorInfo(target.name(), type, shape, begin, elements * type.bytes());
        return new Entry(stored, info, change, headSize);
    }

    /** Returns whether the stored bytes of a row are those that are shown. */
    private static boolean isRaw(GgufTensor stored, Architecture.Change change) {
        return stored.type().blockElements() == 1
                && change != Architecture.Change.PLUS_ONE
                && change != Architecture.Change.TRANSPOSED;
    }

    @Override
    public Map<String, String> metadata() {
        return Map.of("format", "pt");
    }

    @Override
    public Map<String, TensorInfo> tensors() {
        return Collections.unmodifiableMap(infos);
    }

    @Override
    public TensorInfo tensor(String name) throws SafetensorsException {
        return entry(name).info();
    }

    private Entry entry(String name) throws SafetensorsException {
        Entry entry = entries.get(name);
        if (entry == null) {
            throw new SafetensorsException(
                    file.path() + " has no tensor " + GgufHeader.quote(name));
        }
        return entry;
    }

    @Override
    public void read(String name, long offset, ByteBuffer destination) throws IOException {
        Entry entry = entry(name);
        Objects.checkFromIndexSize(
                offset, (long) destination.remaining(), entry.info().byteCount());
        if (isRaw(entry.stored(), entry.change())) {
            readRaw(entry, offset, destination);
        } else if (entry.change() == Architecture.Change.TRANSPOSED) {
            int end = destination.limit();
            for (long at = offset; destination.position() < end; ) {
                int length = Math.min(MAX_TRANSPOSED, end - destination.position());
                destination.limit(destination.position() + length);
                readTransposed(entry, at, destination);
                destination.limit(end);
                at += length;
            }
        } else {
            readDecoded(entry, offset, destination);
        }
    }

    @Override
    public ByteBuffer map(String name, long offset, int length) throws IOException {
        ByteBuffer bytes = ByteBuffer.allocate(length);
        read(name, offset, bytes);
        return bytes.flip().asReadOnlyBuffer().order(ByteOrder.LITTLE_ENDIAN);
    }

    private void readRaw(Entry entry, long offset, ByteBuffer destination) throws IOException {
        if (entry.headSize() == 0) {
            file.readBytes(entry.stored(), offset, destination);
            return;
        }
        int width = entry.rowElements() * entry.info().dtype().bytes();
        int end = destination.limit();
        for (long at = offset; destination.position() < end; ) {
            long within = at % width;
            int length = (int) Math.min(width - within, end - destination.position());
            destination.limit(destination.position() + length);
            long row = storedRow(at / width, entry.headSize());
            file.readBytes(entry.stored(), row * width + within, destination);
            destination.limit(end);
            at += length;
        }
    }

    private void readDecoded(Entry entry, long offset, ByteBuffer destination) throws IOException {
        int row = entry.rowElements();
        float[] values = new float[PIECE];
        byte[] bytes = new byte[PIECE * Float.BYTES];
        ByteBuffer view = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
        for (long at = offset; destination.hasRemaining(); ) {
            long first = at / Float.BYTES;
            long last = (at + destination.remaining() + Float.BYTES - 1) / Float.BYTES;
            int count = (int) Math.min(PIECE, last - first);
            long from = first;
            if (entry.headSize() > 0) {
                count = (int) Math.min(count, row - first % row);
                from = storedRow(first / row, entry.headSize()) * row + first % row;
            }
            file.readFloats(entry.stored(), from, values, 0, count);
            float less = entry.change() == Architecture.Change.PLUS_ONE ? 1 : 0;
            for (int i = 0; i < count; i++) {
                view.putFloat(i * Float.BYTES, values[i] - less);
            }
            int skip = (int) (at - first * Float.BYTES);
            int length = Math.min(count * Float.BYTES - skip, destination.remaining());
            destination.put(bytes, skip, length);
            at += length;
        }
    }

    /** Reads the stored matrix row by row and keeps what falls into the wanted range. */
    private void readTransposed(Entry entry, long offset, ByteBuffer destination)
            throws IOException {
        long rows = entry.info().shape().get(1);
        int columns = Math.toIntExact(entry.info().shape().get(0));
        long first = offset / Float.BYTES;
        long last = (offset + destination.remaining() + Float.BYTES - 1) / Float.BYTES;
        float[] row = new float[columns];
        byte[] bytes = new byte[Math.toIntExact((last - first) * Float.BYTES)];
        ByteBuffer view = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
        for (long r = 0; r < rows && last > first; r++) {
            int from = (int) Math.max(0, (first - r + rows - 1) / rows);
            int until = (int) Math.min(columns, (last - 1 - r + rows) / rows);
            if (from < until) {
                file.readFloats(entry.stored(), r * columns + from, row, from, until - from);
            }
            for (int c = from; c < until; c++) {
                view.putFloat((int) (c * rows + r - first) * Float.BYTES, row[c]);
            }
        }
        int skip = (int) (offset - first * Float.BYTES);
        destination.put(bytes, skip, destination.remaining());
    }

    private static long storedRow(long row, int headSize) {
        long head = row / headSize;
        int within = (int) (row % headSize);
        int half = headSize / 2;
        return head * headSize + 2L * (within % half) + within / half;
    }

    @Override
    public void close() throws IOException {
        file.close();
    }
}
