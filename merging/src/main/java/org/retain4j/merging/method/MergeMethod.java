package org.retain4j.merging.method;

import java.io.IOException;
import java.util.List;

/**
 * A way to make one tensor out of the tensors of that name in several models.
 *
 * <p>Implementations are immutable and safe for all threads. They read their inputs in parts, as
 * often as they need, and write the result part by part: memory does not grow with the tensor.
 */
public interface MergeMethod {

    /** Returns the name, the paper, the parameters and what the method can merge. */
    MethodInfo info();

    /** Returns what must be known about the models; nothing unless a method says otherwise. */
    default Statistics statistics() {
        return Statistics.NONE;
    }

    /** Returns how many bytes merging a tensor of a shape may take. */
    default long memory(List<Long> shape, int models) {
        return TensorMerge.memory(shape, models);
    }

    /**
     * Merges a tensor.
     *
     * @throws IllegalArgumentException when a parameter is missing or outside its range
     * @throws ArithmeticException when the method is not defined for these values
     */
    void merge(TensorMerge tensor) throws IOException;
}
