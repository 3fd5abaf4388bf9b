package org.retain4j.core.io;

import java.util.Arrays;
import java.util.List;
import org.retain4j.core.tensor.DType;

/**
 * Name, element type and shape of a tensor that is to be written.
 *
 * <p>Immutable, safe for all threads.
 *
 * @param name name in the file, for example {@code model.embed_tokens.weight}
 * @param dtype element type
 * @param shape sizes in row-major order, each at least 0; empty for a scalar
 */
public record TensorSpec(String name, DType dtype, List<Long> shape) {

    /**
     * Makes a description.
     *
     * @throws IllegalArgumentException when a size is negative or the tensor has 2^63 bytes or more
     */
    public TensorSpec {
        shape = List.copyOf(shape);
        bytes(name, dtype, shape);
    }

    /** Returns a description with the given sizes. */
    public static TensorSpec of(String name, DType dtype, long... shape) {
        return new TensorSpec(name, dtype, Arrays.stream(shape).boxed().toList());
    }

    /** Returns the number of bytes that the elements take. */
    public long byteCount() {
        return bytes(name, dtype, shape);
    }

    private static long bytes(String name, DType dtype, List<Long> shape) {
        try {
            return SafetensorsHeader.byteCount(dtype, shape);
        } catch (ArithmeticException e) {
            throw new IllegalArgumentException(
                    "Tensor "
                            + SafetensorsHeader.quote(name)
                            + " has shape "
                            + SafetensorsHeader.describe(shape)
                            + "; expected sizes of at least 0 and less than 2^63 bytes in all",
                    e);
        }
    }
}
