package org.retain4j.merging;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.retain4j.core.io.ElementConversion;
import org.retain4j.core.tensor.DType;
import org.retain4j.merging.method.FloatSink;
import org.retain4j.merging.method.FloatSource;

/** Rounds float32 elements once to the type of a file and hands on their bytes; reusable. */
final class RoundingSink {

    /** Takes the bytes. */
    @FunctionalInterface
    interface Bytes {
        /** Writes the rest of a buffer. */
        void write(ByteBuffer bytes) throws IOException;
    }

    private static final int PART = 1 << 16;

    private final ByteBuffer floats =
            ByteBuffer.allocateDirect(PART * 4).order(ByteOrder.LITTLE_ENDIAN);
    private final ByteBuffer rounded =
            ByteBuffer.allocateDirect(PART * 8).order(ByteOrder.LITTLE_ENDIAN);

    /** Returns a sink for a tensor of a type. */
    FloatSink to(DType type, Bytes out) {
        return (values, count) -> {
            for (int done = 0; done < count; ) {
                int part = Math.min(PART, count - done);
                floats.clear();
                floats.asFloatBuffer().put(values, done, part);
                floats.limit(part * 4);
                ByteBuffer bytes = floats;
                if (type != DType.FLOAT32) {
                    rounded.clear();
                    ElementConversion.convert(DType.FLOAT32, floats, type, rounded);
                    bytes = rounded.flip();
                }
                out.write(bytes);
                done += part;
            }
        };
    }

    /** Returns a source whose elements are rounded to a shorter type. */
    static FloatSource rounded(FloatSource source, DType type) {
        return (at, target, count) -> {
            source.read(at, target, count);
            ByteBuffer exact = ByteBuffer.allocate(count * 4).order(ByteOrder.LITTLE_ENDIAN);
            ByteBuffer shorter = ByteBuffer.allocate(count * 2).order(ByteOrder.LITTLE_ENDIAN);
            exact.asFloatBuffer().put(target, 0, count);
            ElementConversion.convert(DType.FLOAT32, exact, type, shorter);
            exact.clear();
            ElementConversion.convert(type, shorter.flip(), DType.FLOAT32, exact);
            exact.flip();
            exact.asFloatBuffer().get(target, 0, count);
        };
    }
}
