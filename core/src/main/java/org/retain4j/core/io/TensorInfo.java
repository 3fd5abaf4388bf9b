package org.retain4j.core.io;

import java.util.List;
import org.retain4j.core.tensor.DType;

/**
 * Where a tensor lies in a safetensors file and what it is.
 *
 * <p>Immutable, safe for all threads.
 *
 * @param name name in the file
 * @param dtype element type; elements are little-endian, in row-major order, without gaps
 * @param shape sizes, each at least 0; empty for a scalar
 * @param begin first byte, counted from the end of the file's header
 * @param byteCount number of bytes, equal to the product of the shape times the element size
 */
public record TensorInfo(String name, DType dtype, List<Long> shape, long begin, long byteCount) {

    /** Makes an entry with its own copy of the shape. */
    public TensorInfo {
        shape = List.copyOf(shape);
    }

    /** Returns the number of elements. */
    public long elementCount() {
        return byteCount / dtype.bytes();
    }

    /** Returns what a {@link SafetensorsWriter} needs to know to write this tensor again. */
    public TensorSpec spec() {
        return new TensorSpec(name, dtype, shape);
    }
}
