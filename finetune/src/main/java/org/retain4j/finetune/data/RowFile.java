package org.retain4j.finetune.data;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.MappedByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.zip.CRC32C;
import java.util.zip.CheckedOutputStream;
import org.retain4j.core.io.AtomicFile;
import org.retain4j.finetune.TrainRow;

/**
 * A file of encoded rows, mapped into memory.
 *
 * <p>All numbers are big-endian. The file is: the magic {@value #MAGIC}; the length of the key as
 * int32, and the key; the rows; the report as JSON in UTF-8; and a tail of the number of rows as
 * int32, the position of the report as int64, its length as int32, and the CRC-32C of everything
 * before it as int32. A row is the number of tokens n as int32, a byte of flags (1: continues the
 * example of the row before, 2: weights other than 0 and 1), n ids as int32, and the weights: a bit
 * each, lowest first, or with the flag 2 a float32 each. The whole file is checked when it is
 * opened.
 */
final class RowFile implements EncodedDataset.Rows {

    static final int VERSION = 1;

    private static final String MAGIC = "R4JROWS1";
    private static final int TAIL = 20;
    private static final int CONTINUES = 1;
    private static final int FLOATS = 2;
    private static final int HEAD = 5;
    private static final int MAX_TOKENS = 1 << 26;
    private static final int MAX_ROWS = Integer.MAX_VALUE - 8;
    private static final long SEGMENT = 1L << 30;
    private static final JsonMapper JSON = new JsonMapper();

    /** Encodes rows into a sink and returns what became of the data. */
    interface Producer {
        DataReport run(DatasetEncoding.Sink sink) throws IOException;
    }

    private final Path file;
    private final ByteBuffer[] segments;
    private final long[] offsets;
    private final DataReport report;

    private RowFile(Path file, ByteBuffer[] segments, long[] offsets, DataReport report) {
        this.file = file;
        this.segments = segments;
        this.offsets = offsets;
        this.report = report;
    }

    /** Writes a file under a temporary name and puts it in place when it is complete. */
    static void write(Path file, byte[] key, Producer producer) throws IOException {
        AtomicFile.write(file, out -> write(out, key, producer));
    }

    private static void write(OutputStream target, byte[] key, Producer producer)
            throws IOException {
        CRC32C sum = new CRC32C();
        DataOutputStream out = new DataOutputStream(new CheckedOutputStream(target, sum));
        out.write(MAGIC.getBytes(StandardCharsets.US_ASCII));
        out.writeInt(key.length);
        out.write(key);
        Written written = new Written(MAGIC.length() + 4L + key.length);
        DataReport report =
                producer.run(
                        (row, continues) -> {
                            byte[] bytes = bytes(row, continues);
                            out.write(bytes);
                            written.add(bytes.length);
                        });
        byte[] json = JSON.writeValueAsBytes(report);
        out.write(json);
        out.writeInt(written.rows);
        out.writeLong(written.position);
        out.writeInt(json.length);
        out.writeInt((int) sum.getValue());
        out.flush();
    }

    /** How far a file is written; a data stream counts only to 2 GiB. */
    private static final class Written {
        private int rows;
        private long position;

        Written(long position) {
            this.position = position;
        }

        void add(int bytes) throws DataException {
            if (rows == MAX_ROWS) {
                throw new DataException(
                        "the data have more than " + MAX_ROWS + " rows; pack or split them");
            }
            rows++;
            position += bytes;
        }
    }

    private static byte[] bytes(TrainRow row, boolean continues) throws DataException {
        int n = row.ids().length;
        if (n > MAX_TOKENS) {
            throw new DataException(
                    "an example has " + n + " tokens, more than " + MAX_TOKENS + "; split it");
        }
        boolean floats = false;
        for (float weight : row.weights()) {
            floats |= weight != 0 && weight != 1;
        }
        ByteBuffer out = ByteBuffer.allocate(HEAD + bodyBytes(n, floats));
        out.putInt(n).put((byte) ((continues ? CONTINUES : 0) | (floats ? FLOATS : 0)));
        for (int id : row.ids()) {
            out.putInt(id);
        }
        if (floats) {
            for (float weight : row.weights()) {
                out.putFloat(weight);
            }
        } else {
            byte[] bits = new byte[(n + 7) / 8];
            for (int i = 0; i < n; i++) {
                bits[i / 8] |= (byte) (row.weights()[i] > 0 ? 1 << (i % 8) : 0);
            }
            out.put(bits);
        }
        return out.array();
    }

    private static int bodyBytes(int tokens, boolean floats) {
        return 4 * tokens + (floats ? 4 * tokens : (tokens + 7) / 8);
    }

    /**
     * Opens a file.
     *
     * @throws DataException if it is damaged, incomplete or of another key
     */
    static RowFile open(Path file, byte[] key) throws IOException {
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
            return open(file, channel, key);
        } catch (BufferUnderflowException | IllegalArgumentException | ArithmeticException e) {
            throw damaged(file, "does not hold what its numbers say");
        }
    }

    private static RowFile open(Path file, FileChannel channel, byte[] key) throws IOException {
        long size = channel.size();
        long header = MAGIC.length() + 4L + key.length;
        if (size < header + TAIL) {
            throw damaged(file, "is too short");
        }
        ByteBuffer start = read(channel, 0, (int) header);
        byte[] magic = new byte[MAGIC.length()];
        start.get(magic);
        if (!MAGIC.equals(new String(magic, StandardCharsets.US_ASCII))
                || start.getInt() != key.length
                || !start.equals(ByteBuffer.wrap(key))) {
            throw damaged(file, "belongs to other data");
        }
        ByteBuffer tail = read(channel, size - TAIL, TAIL);
        int rows = tail.getInt();
        long reportAt = tail.getLong();
        int reportLength = tail.getInt();
        int sum = tail.getInt();
        if (rows < 1
                || reportLength < 0
                || reportAt < header
                || reportAt + reportLength != size - TAIL
                || (long) rows * HEAD > reportAt) {
            throw damaged(file, "does not hold what its numbers say");
        }
        ByteBuffer[] segments = map(channel, size);
        if (checksum(segments, size - 4) != sum) {
            throw damaged(file, "has a wrong checksum");
        }
        byte[] json = new byte[reportLength];
        read(channel, reportAt, reportLength).get(json);
        long[] offsets = index(file, segments, header, reportAt, rows);
        try {
            return new RowFile(file, segments, offsets, JSON.readValue(json, DataReport.class));
        } catch (JsonProcessingException e) {
            throw damaged(file, "has no report");
        }
    }

    private static ByteBuffer read(FileChannel channel, long position, int count)
            throws IOException {
        ByteBuffer bytes = ByteBuffer.allocate(count);
        while (bytes.hasRemaining()) {
            if (channel.read(bytes, position + bytes.position()) < 0) {
                throw new BufferUnderflowException();
            }
        }
        return bytes.flip();
    }

    /** Maps pieces that overlap by the largest row, so that each row lies in one piece. */
    private static ByteBuffer[] map(FileChannel channel, long size) throws IOException {
        long overlap = HEAD + (long) bodyBytes(MAX_TOKENS, true);
        ByteBuffer[] segments = new ByteBuffer[(int) ((size + SEGMENT - 1) / SEGMENT)];
        for (int i = 0; i < segments.length; i++) {
            long from = i * SEGMENT;
            MappedByteBuffer piece =
                    channel.map(
                            FileChannel.MapMode.READ_ONLY,
                            from,
                            Math.min(size - from, SEGMENT + overlap));
            segments[i] = piece.order(ByteOrder.BIG_ENDIAN);
        }
        return segments;
    }

    private static int checksum(ByteBuffer[] segments, long end) {
        CRC32C sum = new CRC32C();
        for (int i = 0; i < segments.length; i++) {
            long count = Math.min(SEGMENT, end - i * SEGMENT);
            sum.update(segments[i].slice(0, (int) Math.max(0, count)));
        }
        return (int) sum.getValue();
    }

    private static long[] index(Path file, ByteBuffer[] segments, long first, long end, int rows)
            throws DataException {
        long[] offsets = new long[rows];
        long at = first;
        for (int row = 0; row < rows; row++) {
            offsets[row] = at;
            if (end - at < HEAD) {
                throw damaged(file, "ends inside a row");
            }
            ByteBuffer segment = segments[(int) (at / SEGMENT)];
            int tokens = segment.getInt((int) (at % SEGMENT));
            int flags = segment.get((int) (at % SEGMENT) + 4);
            if (tokens < 2 || tokens > MAX_TOKENS) {
                throw damaged(file, "has a row of " + tokens + " tokens");
            }
            at += HEAD + bodyBytes(tokens, (flags & FLOATS) != 0);
        }
        if (at != end) {
            throw damaged(file, "has rows of the wrong lengths");
        }
        return offsets;
    }

    private static DataException damaged(Path file, String what) {
        return new DataException("the token cache " + file + " " + what);
    }

    DataReport report() {
        return report;
    }

    private ByteBuffer at(int row) {
        long offset = offsets[row];
        ByteBuffer segment = segments[(int) (offset / SEGMENT)].duplicate();
        return segment.position((int) (offset % SEGMENT));
    }

    @Override
    public int size() {
        return offsets.length;
    }

    @Override
    public int length(int row) {
        return at(row).getInt();
    }

    @Override
    public boolean continues(int row) {
        ByteBuffer bytes = at(row);
        return (bytes.get(bytes.position() + 4) & CONTINUES) != 0;
    }

    @Override
    public TrainRow row(int row) {
        ByteBuffer in = at(row);
        int n = in.getInt();
        boolean floats = (in.get() & FLOATS) != 0;
        int[] ids = new int[n];
        in.asIntBuffer().get(ids);
        in.position(in.position() + 4 * n);
        float[] weights = new float[n];
        if (floats) {
            in.asFloatBuffer().get(weights);
        } else {
            for (int i = 0; i < n; i++) {
                weights[i] = in.get(in.position() + i / 8) >> (i % 8) & 1;
            }
        }
        return new TrainRow(ids, weights, false);
    }

    @Override
    public String toString() {
        return file + " of " + offsets.length + " rows";
    }
}
