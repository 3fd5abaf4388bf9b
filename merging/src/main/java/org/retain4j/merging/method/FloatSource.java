package org.retain4j.merging.method;

import java.io.IOException;

/** The elements of one tensor as float32, readable in parts and as often as wanted. */
@FunctionalInterface
public interface FloatSource {

    /**
     * Reads elements.
     *
     * @param at first element in row-major order, at least 0
     * @param target takes the elements from its index 0 on
     * @param count number of elements; all of them exist
     */
    void read(long at, float[] target, int count) throws IOException;
}
