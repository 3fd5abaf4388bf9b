package org.retain4j.core.io;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Collection;
import java.util.Collections;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Writes one safetensors file, tensor by tensor, without holding them in memory.
 *
 * <p>Bytes come out as the {@code safetensors} library for Python writes them for the same content:
 * element types in its fixed order, names in byte order within a type, header padded with spaces.
 * Metadata keys, which it leaves in random order, are sorted. Tensors may be given in any order,
 * each in as many parts as needed. The file appears only on {@link #commit()}; see {@link
 * AtomicFile}.
 *
 * <p>Several threads may write at once as long as each has tensors of its own; {@link #commit()}
 * and {@link #close()} come after all of them.
 */
public final class SafetensorsWriter implements AutoCloseable {

    private final Path target;
    private final AtomicFile file;
    private final SafetensorsHeader header;
    private final long dataStart;
    private final Map<String, Long> written = new ConcurrentHashMap<>();

    private SafetensorsWriter(
            Path target, AtomicFile file, SafetensorsHeader header, long dataStart) {
        this.target = target;
        this.file = file;
        this.header = header;
        this.dataStart = dataStart;
    }

    /**
     * Starts a file.
     *
     * @param target final path; its folder must exist
     * @param tensors what will be written, in any order
     * @param metadata text entries of the header; transformers wants {@code format=pt}; may be
     *     empty
     * @throws SafetensorsException when a name is given twice or reserved, or the header is over
     *     the format's limit
     * @throws IOException when the place is not writable
     */
    public static SafetensorsWriter create(
            Path target, Collection<TensorSpec> tensors, Map<String, String> metadata)
            throws IOException {
        SafetensorsHeader header = SafetensorsHeader.plan(target, tensors, metadata);
        byte[] bytes = header.encode(target);
        AtomicFile file = AtomicFile.create(target);
        try {
            file.write(ByteBuffer.wrap(bytes), 0);
        } catch (Throwable e) {
            file.close();
            throw e;
        }
        return new SafetensorsWriter(target, file, header, bytes.length);
    }

    /** Returns all tensors by name with their places, in the order of the file. */
    public Map<String, TensorInfo> tensors() {
        return Collections.unmodifiableMap(header.tensors());
    }

    /**
     * Appends the rest of a buffer to a tensor.
     *
     * @param bytes little-endian elements in row-major order; part of an element is fine
     * @throws IllegalArgumentException when the tensor was not declared or would get too many bytes
     * @throws IOException when the disk does not take them
     */
    public void write(String name, ByteBuffer bytes) throws IOException {
        TensorInfo info = header.tensors().get(name);
        if (info == null) {
            throw new IllegalArgumentException(
                    target + " was not declared to hold " + SafetensorsHeader.quote(name));
        }
        long done = written.getOrDefault(name, 0L);
        int count = bytes.remaining();
        if (count > info.byteCount() - done) {
            throw new IllegalArgumentException(
                    "Tensor "
                            + SafetensorsHeader.quote(name)
                            + " has "
                            + info.byteCount()
                            + " bytes; "
                            + done
                            + " are written and "
                            + count
                            + " more do not fit");
        }
        file.write(bytes, dataStart + info.begin() + done);
        written.put(name, done + count);
    }

    /**
     * Puts the complete file in place.
     *
     * @throws IllegalStateException when bytes of a tensor are missing
     * @throws IOException when the disk does not take the file; the target is then as before
     */
    public void commit() throws IOException {
        for (TensorInfo info : header.tensors().values()) {
            long done = written.getOrDefault(info.name(), 0L);
            if (done != info.byteCount()) {
                throw new IllegalStateException(
                        "Cannot finish "
                                + target
                                + ": tensor "
                                + SafetensorsHeader.quote(info.name())
                                + " has "
                                + done
                                + " of "
                                + info.byteCount()
                                + " bytes; write the rest first");
            }
        }
        file.commit();
    }

    /** Drops the temporary file unless committed; closing twice does nothing. */
    @Override
    public void close() throws IOException {
        file.close();
    }
}
