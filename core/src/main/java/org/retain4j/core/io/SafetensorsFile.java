package org.retain4j.core.io;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.MappedByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;

/**
 * One safetensors file, opened for reading without loading its tensors.
 *
 * <p>The file is taken as hostile: {@link #open} checks all of the header (length at most 100 MB,
 * strict UTF-8 and JSON, no duplicate keys, known types, sizes that fit shapes, data without holes,
 * overlaps or surplus bytes) before it returns.
 *
 * <p>Safe for all threads.
 */
public final class SafetensorsFile implements TensorSource {

    /** Distance of the mapped regions; each is twice as long, so most requests lie within one. */
    private static final int REGION = 1 << 30;

    private final Path path;
    private final FileChannel channel;
    private final long length;
    private final SafetensorsHeader header;
    private final int region;
    private final Map<Long, MappedByteBuffer> regions = new HashMap<>();

    private SafetensorsFile(Path path, FileChannel channel, int region) throws IOException {
        this.path = path;
        this.channel = channel;
        this.region = region;
        this.header = SafetensorsHeader.read(path, channel);
        this.length =
                header.dataStart()
                        + header.tensors().values().stream().mapToLong(TensorInfo::byteCount).sum();
    }

    /**
     * Opens a file and checks its header.
     *
     * @throws SafetensorsException when it is missing, not a plain file or not valid; the message
     *     names the key at fault and what was expected
     */
    public static SafetensorsFile open(Path path) throws IOException {
        return open(path, REGION);
    }

    static SafetensorsFile open(Path path, int region) throws IOException {
        if (!Files.isRegularFile(path)) {
            throw new SafetensorsException(
                    path
                            + (Files.exists(path) ? " is not a plain file" : " does not exist")
                            + "; expected a safetensors file");
        }
        FileChannel channel = FileChannel.open(path, StandardOpenOption.READ);
        try {
            return new SafetensorsFile(path, channel, region);
        } catch (Throwable e) {
            channel.close();
            throw e;
        }
    }

    /** Returns the path that was opened. */
    public Path path() {
        return path;
    }

    @Override
    public Map<String, String> metadata() {
        return header.metadata();
    }

    @Override
    public Map<String, TensorInfo> tensors() {
        return header.tensors();
    }

    @Override
    public TensorInfo tensor(String name) throws SafetensorsException {
        TensorInfo info = header.tensors().get(name);
        if (info == null) {
            throw new SafetensorsException(
                    path + " has no tensor " + SafetensorsHeader.quote(name));
        }
        return info;
    }

    @Override
    public void read(String name, long offset, ByteBuffer destination) throws IOException {
        long start = position(name, offset, destination.remaining());
        SafetensorsHeader.readFully(path, channel, start, destination);
    }

    @Override
    public ByteBuffer map(String name, long offset, int length) throws IOException {
        long start = position(name, offset, length);
        if (length == 0) {
            return ByteBuffer.allocate(0).asReadOnlyBuffer().order(ByteOrder.LITTLE_ENDIAN);
        }
        long index = start / region;
        int within = (int) (start % region);
        ByteBuffer view =
                (long) within + length <= regionLength()
                        ? region(index).slice(within, length)
                        : mapped(start, length);
        return view.order(ByteOrder.LITTLE_ENDIAN);
    }

    private long regionLength() {
        return 2L * region - 1;
    }

    private MappedByteBuffer region(long index) throws IOException {
        synchronized (regions) {
            MappedByteBuffer buffer = regions.get(index);
            if (buffer == null) {
                long start = index * region;
                buffer = mapped(start, Math.min(regionLength(), length - start));
                regions.put(index, buffer);
            }
            return buffer;
        }
    }

    private MappedByteBuffer mapped(long start, long size) throws IOException {
        // Mapping past the end of a file that shrank would give memory that cannot be read.
        if (channel.size() < start + size) {
            throw new SafetensorsException(
                    path
                            + " has become shorter than when it was opened; do not change a model"
                            + " file while it is in use");
        }
        return channel.map(FileChannel.MapMode.READ_ONLY, start, size);
    }

    private long position(String name, long offset, int length) throws SafetensorsException {
        TensorInfo info = tensor(name);
        Objects.checkFromIndexSize(offset, (long) length, info.byteCount());
        return header.dataStart() + info.begin() + offset;
    }

    @Override
    public void close() throws IOException {
        channel.close();
        synchronized (regions) {
            regions.clear();
        }
    }
}
