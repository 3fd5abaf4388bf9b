package org.retain4j.merging.method;

import java.io.IOException;

/** Takes the merged elements of one tensor in row-major order. */
@FunctionalInterface
public interface FloatSink {

    /** Appends the first {@code count} elements of an array, which the caller reuses afterwards. */
    void write(float[] values, int count) throws IOException;
}
