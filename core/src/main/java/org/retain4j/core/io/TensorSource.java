package org.retain4j.core.io;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Map;

/**
 * Named tensors in files, whether in one file or spread over shards.
 *
 * <p>Implementations are safe for all threads. As with every {@link java.nio.channels.FileChannel},
 * interrupting a thread inside {@link #read} closes the file.
 */
public interface TensorSource extends AutoCloseable {

    /** Returns the free-form text entries of the header, empty when there are none. */
    Map<String, String> metadata();

    /** Returns all tensors by name, in the order in which they lie on disk; unmodifiable. */
    Map<String, TensorInfo> tensors();

    /**
     * Returns what is known about one tensor.
     *
     * @throws SafetensorsException when there is none of that name
     */
    TensorInfo tensor(String name) throws SafetensorsException;

    /**
     * Fills the rest of a buffer with bytes of a tensor.
     *
     * @param offset first byte, counted from the start of the tensor
     * @param destination filled from its position to its limit; its byte order does not matter
     * @throws SafetensorsException when there is no such tensor, or the file became shorter
     * @throws IndexOutOfBoundsException when the tensor does not have all these bytes
     */
    void read(String name, long offset, ByteBuffer destination) throws IOException;

    /**
     * Returns a read-only little-endian view of bytes of a tensor in the mapped file.
     *
     * <p>The view stays valid after {@link #close()}; its memory is given back when the last view
     * of the region is garbage. Nothing may shorten the file while views exist: the JVM answers
     * reads behind the new end with an {@link InternalError}.
     *
     * @param offset first byte, counted from the start of the tensor
     * @param length number of bytes; a larger tensor is mapped in parts
     * @throws SafetensorsException when there is no such tensor, or the file became shorter
     * @throws IndexOutOfBoundsException when the tensor does not have all these bytes
     */
    ByteBuffer map(String name, long offset, int length) throws IOException;

    /** Closes the files; closing twice does nothing. */
    @Override
    void close() throws IOException;
}
