package org.retain4j.merging;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
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

    private static final int PART = 1 << 15;

    private final ByteBuffer floats =
            ByteBuffer.allocateDirect(PART * 4).order(ByteOrder.LITTLE_ENDIAN);
    private final ByteBuffer rounded =
            ByteBuffer.allocateDirect(PART * 8).order(ByteOrder.LITTLE_ENDIAN);

    /** What rounds to the largest number of float16, and not to infinity, is less. */
    private static final float LARGEST_HALF = Math.nextDown(65520f);

    /** The sign bit is set once an exponent of only ones was seen. */
    private int exponents;

    private final FloatBuffer floatView = floats.asFloatBuffer();

    /** Returns a sink for a tensor of a type. */
    FloatSink to(DType type, Bytes out) {
        exponents = 0;
        return (values, count) -> {
            for (int done = 0; done < count; ) {
                int part = Math.min(PART, count - done);
                ByteBuffer bytes = rounded.clear();
                if (type == DType.BFLOAT16) {
                    bfloats(values, done, part);
                } else {
                    floatView.put(0, values, done, part);
                    bytes = floats.clear().limit(part * 4);
                    check(values, done, part, type);
                    if (type != DType.FLOAT32) {
                        ElementConversion.convert(DType.FLOAT32, floats, type, rounded);
                        bytes = rounded.flip();
                    }
                }
                out.write(bytes);
                done += part;
            }
        };
    }

    /** Returns whether an element of the tensor is infinite or no number once it is rounded. */
    boolean sawNonFinite() {
        return exponents < 0;
    }

    private void check(float[] values, int from, int count, DType type) {
        float most = type == DType.FLOAT16 ? LARGEST_HALF : Float.MAX_VALUE;
        boolean finite = true;
        for (int k = from; k < from + count; k++) {
            finite &= Math.abs(values[k]) <= most;
        }
        exponents |= finite ? 0 : Integer.MIN_VALUE;
    }

    /** Takes two elements at a time, which is several times as fast as one by one. */
    private void bfloats(float[] values, int from, int count) {
        int pairs = count / 2;
        int seen = 0;
        for (int i = 0; i < pairs; i++) {
            int first = bfloat(Float.floatToRawIntBits(values[from + 2 * i]));
            int second = bfloat(Float.floatToRawIntBits(values[from + 2 * i + 1]));
            rounded.putInt(4 * i, first >>> 16 | second & 0xffff0000);
            seen |= (first & 0x7fffffff) + 0x00800000 | (second & 0x7fffffff) + 0x00800000;
        }
        if (count % 2 != 0) {
            int last = count - 1;
            int bits = bfloat(Float.floatToRawIntBits(values[from + last]));
            rounded.putShort(2 * last, (short) (bits >>> 16));
            seen |= (bits & 0x7fffffff) + 0x00800000;
        }
        exponents |= seen;
        rounded.limit(2 * count);
    }

    /** Returns the bits of a float32 number whose upper half is the nearest bfloat16 number. */
    private static int bfloat(int bits) {
        if ((bits & 0x7fffffff) > 0x7f800000) {
            // Not a number: without a bit in the upper half it would become infinity.
            return (bits & 0x7f0000) == 0 ? bits | 0x400000 : bits;
        }
        return bits + 0x7fff + ((bits >>> 16) & 1);
    }

    /** Returns a source whose elements are rounded to a shorter type. */
    static FloatSource rounded(FloatSource source, DType type) {
        if (type == DType.FLOAT32) {
            return source;
        }
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
