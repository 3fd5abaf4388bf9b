package org.retain4j.core.io;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.retain4j.core.tensor.DType;

/**
 * Turns floating-point elements of one type into another, in plain Java and without a tensor
 * engine.
 *
 * <p>Every element is rounded once, to nearest with ties to even, from its exact value; what is too
 * large becomes infinite, and small values become subnormal before they become zero, with their
 * sign. NaN stays NaN with its sign and as many bits of its payload as fit.
 *
 * <p>Formats: IEEE 754 binary16, binary32 and binary64, and bfloat16, the upper half of binary32.
 * Stateless and safe for all threads.
 */
public final class ElementConversion {

    private static final int INFINITE_FLOAT = 0x7f800000;
    private static final int INFINITE_HALF = 0x7c00;

    private ElementConversion() {}

    /** Returns whether {@link #convert} can turn the first type into the second. */
    public static boolean isSupported(DType from, DType to) {
        return from.isFloatingPoint()
                && to.isFloatingPoint()
                && (to != DType.FLOAT64 || from == DType.FLOAT64);
    }

    /**
     * Converts the rest of one buffer into another and moves both positions on.
     *
     * @param from type of the source: float64, float32, float16 or bfloat16
     * @param source little-endian elements, whatever the byte order of the buffer
     * @param to type of the target: float32, float16 or bfloat16, or the same as {@code from},
     *     which copies the bits
     * @param target takes little-endian elements; needs room for all of them
     * @throws IllegalArgumentException when the types are others, the source ends within an
     *     element, or the target is too small
     */
    public static void convert(DType from, ByteBuffer source, DType to, ByteBuffer target) {
        if (!isSupported(from, to)) {
            throw new IllegalArgumentException(
                    "There is no conversion from "
                            + from
                            + " to "
                            + to
                            + "; expected floating-point types and a target of float32, float16 or"
                            + " bfloat16");
        }
        int count = source.remaining() / from.bytes();
        if (source.remaining() % from.bytes() != 0
                || (long) count * to.bytes() > target.remaining()) {
            throw new IllegalArgumentException(
                    "Cannot convert "
                            + source.remaining()
                            + " bytes of "
                            + from
                            + " to "
                            + to
                            + " in a buffer with room for "
                            + target.remaining()
                            + " bytes; expected whole elements and room for all of them");
        }
        if (from == to) {
            target.put(source);
            return;
        }
        ByteBuffer in = source.slice().order(ByteOrder.LITTLE_ENDIAN);
        ByteBuffer out = target.slice().order(ByteOrder.LITTLE_ENDIAN);
        switch (to) {
            case FLOAT32 -> toFloats(from, in, count, out);
            case FLOAT16 -> toHalves(from, in, count, out);
            default -> toBfloats(from, in, count, out);
        }
        source.position(source.limit());
        target.position(target.position() + count * to.bytes());
    }

    // The loops are written out for each pair of types, as a call through a common interface would
    // not be inlined and makes them several times slower.

    private static void toFloats(DType from, ByteBuffer in, int count, ByteBuffer out) {
        switch (from) {
            case FLOAT64 -> {
                for (int i = 0; i < count; i++) {
                    out.putInt(4 * i, floatOfDouble(in.getLong(8 * i)));
                }
            }
            case FLOAT16 -> {
                for (int i = 0; i < count; i++) {
                    out.putInt(4 * i, floatOfHalf(in.getShort(2 * i)));
                }
            }
            default -> floatsOfBfloats(in, count, out);
        }
    }

    /** Takes two elements at a time, which is five times as fast as one by one. */
    private static void floatsOfBfloats(ByteBuffer in, int count, ByteBuffer out) {
        int pairs = count / 2;
        for (int i = 0; i < pairs; i++) {
            int two = in.getInt(4 * i);
            long second = two & 0xffff0000;
            out.putLong(8 * i, second << 32 | two << 16 & 0xffffffffL);
        }
        if (count % 2 != 0) {
            int last = count - 1;
            out.putInt(4 * last, in.getShort(2 * last) << 16);
        }
    }

    private static void toHalves(DType from, ByteBuffer in, int count, ByteBuffer out) {
        switch (from) {
            case FLOAT64 -> {
                for (int i = 0; i < count; i++) {
                    out.putShort(2 * i, halfOfFloat(oddFloatOfDouble(in.getLong(8 * i))));
                }
            }
            case FLOAT32 -> {
                for (int i = 0; i < count; i++) {
                    out.putShort(2 * i, halfOfFloat(in.getInt(4 * i)));
                }
            }
            default -> {
                for (int i = 0; i < count; i++) {
                    out.putShort(2 * i, halfOfFloat(in.getShort(2 * i) << 16));
                }
            }
        }
    }

    private static void toBfloats(DType from, ByteBuffer in, int count, ByteBuffer out) {
        switch (from) {
            case FLOAT64 -> {
                for (int i = 0; i < count; i++) {
                    out.putShort(2 * i, bfloatOfFloat(oddFloatOfDouble(in.getLong(8 * i))));
                }
            }
            case FLOAT32 -> {
                for (int i = 0; i < count; i++) {
                    out.putShort(2 * i, bfloatOfFloat(in.getInt(4 * i)));
                }
            }
            default -> {
                for (int i = 0; i < count; i++) {
                    out.putShort(2 * i, bfloatOfFloat(floatOfHalf(in.getShort(2 * i))));
                }
            }
        }
    }

    /** Returns the bits of the binary32 number that has the value of a binary16 number. */
    static int floatOfHalf(short half) {
        int sign = (half & 0x8000) << 16;
        int rest = half & 0x7fff;
        if (rest >= INFINITE_HALF) {
            return sign | INFINITE_FLOAT | (rest & 0x3ff) << 13;
        }
        if (rest < 0x400) {
            return sign | Float.floatToRawIntBits(rest * 0x1p-24f);
        }
        return sign | (rest << 13) + (127 - 15 << 23);
    }

    /** Returns the bits of the binary16 number nearest to a binary32 number. */
    static short halfOfFloat(int bits) {
        int sign = (bits >>> 16) & 0x8000;
        int rest = bits & 0x7fffffff;
        int half;
        if (rest > INFINITE_FLOAT) {
            half = nan(INFINITE_HALF, (rest & 0x7fffff) >>> 13, 0x200);
        } else if (rest >= 0x477ff000) {
            half = INFINITE_HALF;
        } else if (rest >= 0x38800000) {
            int rebiased = rest - (127 - 15 << 23);
            half = (rebiased + 0xfff + ((rebiased >>> 13) & 1)) >>> 13;
        } else {
            // The last bit of numbers from 0.5 to 1 is worth 2^-24, as that of subnormal halves.
            half = Float.floatToRawIntBits(Float.intBitsToFloat(rest) + 0.5f) - 0x3f000000;
        }
        return (short) (sign | half);
    }

    /** Returns the bits of the bfloat16 number nearest to a binary32 number. */
    static short bfloatOfFloat(int bits) {
        if ((bits & 0x7fffffff) > INFINITE_FLOAT) {
            int sign = (bits >>> 16) & 0x8000;
            return (short) (sign | nan(0x7f80, (bits >>> 16) & 0x7f, 0x40));
        }
        return (short) ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16);
    }

    private static int floatOfDouble(long bits) {
        double value = Double.longBitsToDouble(bits);
        if (Double.isNaN(value)) {
            int sign = (int) (bits >>> 32) & 0x80000000;
            return sign | nan(INFINITE_FLOAT, (int) (bits >>> 29) & 0x7fffff, 0x400000);
        }
        return Float.floatToRawIntBits((float) value);
    }

    /**
     * Returns the bits of one of the two binary32 numbers around a binary64 number, that with the
     * last bit set, or the number itself.
     *
     * <p>Rounding such a number to a type with at least two bits less gives the same as rounding
     * the binary64 number (Boldo and Melquiond, "Emulation of a FMA and correctly rounded sums:
     * proved algorithms using rounding to odd", 2008).
     */
    private static int oddFloatOfDouble(long bits) {
        int nearest = floatOfDouble(bits);
        double value = Math.abs(Double.longBitsToDouble(bits));
        double rounded = Math.abs((double) Float.intBitsToFloat(nearest));
        if ((nearest & 1) == 0 && rounded != value && !Double.isNaN(value)) {
            return rounded < value ? nearest + 1 : nearest - 1;
        }
        return nearest;
    }

    /** Returns a NaN; without a payload it would be infinity. */
    private static int nan(int infinity, int payload, int quiet) {
        return infinity | (payload == 0 ? quiet : payload);
    }
}
