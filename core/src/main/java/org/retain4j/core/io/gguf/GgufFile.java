package org.retain4j.core.io.gguf;

import java.io.Closeable;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Map;
import java.util.Objects;

/**
 * One GGUF file, opened for reading without loading its tensors.
 *
 * <p>Reads go to a place in the file each, so a tensor of any size needs no more memory than the
 * part that is asked for. Safe for all threads.
 */
final class GgufFile implements Closeable {

    private static final int PART_BYTES = 1 << 16;

    private final Path path;
    private final FileChannel channel;
    private final GgufHeader header;
    private final GgufMetadata metadata;

    private GgufFile(Path path, FileChannel channel) throws IOException {
        this.path = path;
        this.channel = channel;
        this.header = GgufHeader.read(path, channel);
        this.metadata = new GgufMetadata(path, header.values());
    }

    /**
     * Opens a file and checks its header.
     *
     * @throws GgufException when it is missing, not a plain file or not valid
     */
    static GgufFile open(Path path) throws IOException {
        if (!Files.isRegularFile(path)) {
            throw new GgufException(
                    path
                            + (Files.exists(path) ? " is not a plain file" : " does not exist")
                            + "; expected a GGUF file");
        }
        FileChannel channel = FileChannel.open(path, StandardOpenOption.READ);
        try {
            return new GgufFile(path, channel);
        } catch (Throwable e) {
            channel.close();
            throw e;
        }
    }

    Path path() {
        return path;
    }

    int version() {
        return header.version();
    }

    GgufMetadata metadata() {
        return metadata;
    }

    Map<String, GgufTensor> tensors() {
        return header.tensors();
    }

    /** Fills the rest of a buffer with the bytes of a tensor as they are stored. */
    void readBytes(GgufTensor tensor, long offset, ByteBuffer destination) throws IOException {
        Objects.checkFromIndexSize(offset, (long) destination.remaining(), tensor.byteCount());
        long position = tensor.begin() + offset;
        while (destination.hasRemaining()) {
            int count = channel.read(destination, position);
            if (count < 0) {
                throw new GgufException(
                        path
                                + " has become shorter than when it was opened; do not change a"
                                + " model file while it is in use");
            }
            position += count;
        }
    }

    /**
     * Decodes elements of a tensor, counted in the order in which they lie on disk.
     *
     * @param first first element
     * @param to receives them from index {@code at}
     */
    void readFloats(GgufTensor tensor, long first, float[] to, int at, int count)
            throws IOException {
        Objects.checkFromIndexSize(first, (long) count, tensor.elementCount());
        GgufType type = tensor.type();
        int size = type.blockElements();
        int blocksInPart = PART_BYTES / type.blockBytes();
        long lastBlock = (first + count + size - 1) / size;
        int blocksNeeded = (int) Math.min(blocksInPart, lastBlock - first / size);
        byte[] bytes = new byte[blocksNeeded * type.blockBytes()];
        float[] decoded = new float[blocksNeeded * size];
        for (long block = first / size; block < lastBlock; block += blocksInPart) {
            int blocks = (int) Math.min(blocksInPart, lastBlock - block);
            readBytes(
                    tensor,
                    block * type.blockBytes(),
                    ByteBuffer.wrap(bytes, 0, blocks * type.blockBytes()));
            type.decoder().decode(bytes, decoded, blocks);
            long from = Math.max(first, block * size);
            long until = Math.min(first + count, (block + blocks) * size);
            System.arraycopy(
                    decoded,
                    (int) (from - block * size),
                    to,
                    at + (int) (from - first),
                    (int) (until - from));
        }
    }

    @Override
    public void close() throws IOException {
        channel.close();
    }
}
