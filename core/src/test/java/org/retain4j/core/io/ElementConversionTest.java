package org.retain4j.core.io;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.math.BigDecimal;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.retain4j.core.tensor.DType;

class ElementConversionTest {

    /** Value of a finite number of a narrow type, from the definition of its fields. */
    private static double value(int bits, int exponentBits, int fractionBits) {
        int exponent = (bits >>> fractionBits) & (1 << exponentBits) - 1;
        int fraction = bits & (1 << fractionBits) - 1;
        int bias = (1 << exponentBits - 1) - 1;
        double size =
                exponent == 0
                        ? Math.scalb((double) fraction, 1 - bias - fractionBits)
                        : Math.scalb(
                                (double) ((1 << fractionBits) + fraction),
                                exponent - bias - fractionBits);
        return (bits & 0x8000) == 0 ? size : -size;
    }

    private static double value(DType type, int bits) {
        return type == DType.FLOAT16 ? value(bits, 5, 10) : value(bits, 8, 7);
    }

    private static int infinity(DType type) {
        return type == DType.FLOAT16 ? 0x7c00 : 0x7f80;
    }

    private static ByteBuffer buffer(int bytes) {
        return ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
    }

    private static int narrow(float value, DType to) {
        ByteBuffer out = buffer(2);
        ElementConversion.convert(DType.FLOAT32, buffer(4).putFloat(0, value), to, out);
        return out.getShort(0) & 0xffff;
    }

    private static int narrow(double value, DType to) {
        ByteBuffer out = buffer(2);
        ElementConversion.convert(DType.FLOAT64, buffer(8).putDouble(0, value), to, out);
        return out.getShort(0) & 0xffff;
    }

    /** Widens all numbers of a narrow type. */
    private static ByteBuffer widened(DType from) {
        ByteBuffer in = buffer(1 << 17);
        for (int bits = 0; bits < 1 << 16; bits++) {
            in.putShort(2 * bits, (short) bits);
        }
        ByteBuffer out = buffer(1 << 18);
        ElementConversion.convert(from, in, DType.FLOAT32, out);
        assertThat(in.hasRemaining() || out.hasRemaining()).isFalse();
        return out.flip();
    }

    @ParameterizedTest
    @EnumSource(
            value = DType.class,
            names = {"FLOAT16", "BFLOAT16"})
    void allNarrowNumbersKeepTheirValueAndComeBack(DType type) {
        ByteBuffer wide = widened(type);
        for (int bits = 0; bits < 1 << 16; bits++) {
            float found = wide.getFloat(4 * bits);
            int size = bits & 0x7fff;
            if (size > infinity(type)) {
                assertThat(found).isNaN();
            } else if (size == infinity(type)) {
                assertThat(found).isInfinite();
            } else {
                assertThat((double) found).isEqualTo(value(type, bits));
            }
            assertThat(wide.getInt(4 * bits) >>> 31).isEqualTo(bits >>> 15);
        }
        ByteBuffer back = buffer(1 << 17);
        ElementConversion.convert(DType.FLOAT32, wide, type, back);
        for (int bits = 0; bits < 1 << 16; bits++) {
            assertThat(back.getShort(2 * bits)).isEqualTo((short) bits);
        }
    }

    /**
     * Between two neighbours: below the middle down, above it up, on it to the even one. Done for
     * all neighbours, so also for subnormal numbers, powers of two and the step to infinity.
     */
    @ParameterizedTest
    @EnumSource(
            value = DType.class,
            names = {"FLOAT16", "BFLOAT16"})
    void roundsToTheNearestAndTiesToEven(DType type) {
        for (int low = 0; low < infinity(type); low++) {
            double below = value(type, low);
            double above =
                    low + 1 == infinity(type)
                            ? 2 * below - value(type, low - 1)
                            : value(type, low + 1);
            double middle = (below + above) / 2;
            int even = low % 2 == 0 ? low : low + 1;
            assertThat(narrow(middle, type)).as("middle above %s", below).isEqualTo(even);
            assertThat(narrow(-middle, type)).isEqualTo(0x8000 | even);
            assertThat(narrow(Math.nextDown(middle), type)).isEqualTo(low);
            assertThat(narrow(Math.nextUp(middle), type)).isEqualTo(low + 1);
            assertThat(narrow(-Math.nextUp(middle), type)).isEqualTo(0x8000 | low + 1);
            float single = (float) middle;
            assertThat((double) single).isEqualTo(middle);
            assertThat(narrow(single, type)).isEqualTo(even);
            assertThat(narrow(-single, type)).isEqualTo(0x8000 | even);
            assertThat(narrow(Math.nextDown(single), type)).isEqualTo(low);
            assertThat(narrow(Math.nextUp(single), type)).isEqualTo(low + 1);
        }
    }

    /** Random bits, against a search for the nearest number in exact arithmetic. */
    @ParameterizedTest
    @EnumSource(
            value = DType.class,
            names = {"FLOAT16", "BFLOAT16"})
    void randomNumbersGoToTheNearest(DType type) {
        Random random = new Random(7);
        for (int i = 0; i < 20_000; i++) {
            double value = Math.scalb(random.nextDouble(), random.nextInt(60) - 35);
            int bits = narrow(value, type);
            if (bits == infinity(type)) {
                assertThat(value).isGreaterThanOrEqualTo(65520);
                continue;
            }
            BigDecimal exact = new BigDecimal(value);
            BigDecimal distance = exact.subtract(new BigDecimal(value(type, bits))).abs();
            for (int other : new int[] {bits - 1, bits + 1}) {
                if (other >= 0 && other < infinity(type)) {
                    assertThat(exact.subtract(new BigDecimal(value(type, other))).abs())
                            .isGreaterThanOrEqualTo(distance);
                }
            }
            float single = (float) value;
            assertThat(narrow(single, type)).isEqualTo(narrow((double) single, type));
        }
    }

    @ParameterizedTest
    @CsvSource({
        // type, number, bits
        "FLOAT16, 1.0, 3c00",
        "FLOAT16, -2.0, c000",
        "FLOAT16, 65504, 7bff",
        "FLOAT16, 65519.996, 7bff",
        "FLOAT16, 65520, 7c00",
        "FLOAT16, -1e30, fc00",
        "FLOAT16, Infinity, 7c00",
        "FLOAT16, 6.103515625e-5, 0400",
        "FLOAT16, 5.9604644775390625e-8, 0001",
        "FLOAT16, 2.98023223876953125e-8, 0000",
        "FLOAT16, 8.94069671630859375e-8, 0002",
        "FLOAT16, -1e-30, 8000",
        "FLOAT16, 0.1, 2e66",
        "BFLOAT16, 1.0, 3f80",
        "BFLOAT16, 0.1, 3dcd",
        "BFLOAT16, 1.00390625, 3f80",
        "BFLOAT16, 1.01171875, 3f82",
        "BFLOAT16, 3.4028234663852886e38, 7f80",
        "BFLOAT16, -Infinity, ff80",
        "BFLOAT16, 9.183549615799121e-41, 0001",
        "BFLOAT16, -0.0, 8000"
    })
    void knownNumbers(DType type, double value, String bits) {
        assertThat(narrow(value, type)).isEqualTo(Integer.parseInt(bits, 16));
        assertThat(narrow((float) value, type)).isEqualTo(Integer.parseInt(bits, 16));
    }

    /** Going through binary32 would round twice and give the wrong neighbour. */
    @Test
    void roundsDoublesOnce() {
        double justAboveTie = 1 + 0x1p-11 + 0x1p-40;
        assertThat(narrow(justAboveTie, DType.FLOAT16)).isEqualTo(0x3c01);
        assertThat(narrow((float) justAboveTie, DType.FLOAT16)).isEqualTo(0x3c00);
        assertThat(narrow(1 + 0x1p-8 + 0x1p-40, DType.BFLOAT16)).isEqualTo(0x3f81);
        assertThat(narrow(0x1p-25 + 0x1p-70, DType.FLOAT16)).isEqualTo(1);
        assertThat(narrow(0x1p-200, DType.BFLOAT16)).isZero();
        assertThat(narrow(1e300, DType.BFLOAT16)).isEqualTo(0x7f80);
    }

    @Test
    void notANumberStaysSoWithItsSign() {
        for (long bits :
                new long[] {
                    0x7ff8000000000000L,
                    0xfff8000000000000L,
                    0x7ff0000000000001L,
                    0xfff7ffffffffffffL
                }) {
            ByteBuffer in = buffer(8).putLong(0, bits);
            int sign = (int) (bits >>> 63);
            for (DType type : new DType[] {DType.FLOAT16, DType.BFLOAT16}) {
                ByteBuffer out = buffer(2);
                ElementConversion.convert(DType.FLOAT64, in.rewind(), type, out);
                assertThat(out.getShort(0) & 0x7fff).isGreaterThan(infinity(type));
                assertThat((out.getShort(0) & 0xffff) >>> 15).isEqualTo(sign);
            }
            ByteBuffer out = buffer(4);
            ElementConversion.convert(DType.FLOAT64, in.rewind(), DType.FLOAT32, out);
            assertThat(out.getFloat(0)).isNaN();
            assertThat(out.getInt(0) >>> 31).isEqualTo(sign);
        }
        for (int bits : new int[] {0x7f800001, 0xff800001, 0x7fffffff}) {
            for (DType type : new DType[] {DType.FLOAT16, DType.BFLOAT16}) {
                ByteBuffer out = buffer(2);
                ElementConversion.convert(DType.FLOAT32, buffer(4).putInt(0, bits), type, out);
                assertThat(out.getShort(0) & 0x7fff).isGreaterThan(infinity(type));
            }
        }
    }

    @Test
    void convertsBetweenNarrowTypesAndFromDouble() {
        ByteBuffer half = buffer(2).putShort(0, (short) 0x3c01);
        ByteBuffer bfloat = buffer(2);
        ElementConversion.convert(DType.FLOAT16, half, DType.BFLOAT16, bfloat);
        assertThat(bfloat.getShort(0)).isEqualTo((short) 0x3f80);
        ByteBuffer back = buffer(2);
        ElementConversion.convert(DType.BFLOAT16, bfloat.flip(), DType.FLOAT16, back);
        assertThat(back.getShort(0)).isEqualTo((short) 0x3c00);
        ByteBuffer single = buffer(4);
        ElementConversion.convert(
                DType.FLOAT64, buffer(8).putDouble(0, 0.1), DType.FLOAT32, single);
        assertThat(single.getFloat(0)).isEqualTo(0.1f);
    }

    @Test
    void worksWithinBuffersOfEitherOrderAndPlace() {
        ByteBuffer in = ByteBuffer.allocateDirect(14).order(ByteOrder.BIG_ENDIAN);
        in.position(3);
        in.slice().order(ByteOrder.LITTLE_ENDIAN).putFloat(0, 1).putFloat(4, -2);
        in.limit(11);
        ByteBuffer out = ByteBuffer.allocate(9).position(2);
        ElementConversion.convert(DType.FLOAT32, in, DType.BFLOAT16, out);
        assertThat(in.position()).isEqualTo(11);
        assertThat(out.position()).isEqualTo(6);
        assertThat(out.array()).containsExactly(0, 0, 0x80, 0x3f, 0, 0xc0, 0, 0, 0);
        ByteBuffer same = ByteBuffer.allocate(3);
        ElementConversion.convert(
                DType.FLOAT16, ByteBuffer.wrap(new byte[] {1, 0x7d}), DType.FLOAT16, same);
        assertThat(same.array()).containsExactly(1, 0x7d, 0);
    }

    @Test
    void refusesWrongUse() {
        ByteBuffer four = ByteBuffer.allocate(4);
        assertThatThrownBy(
                        () ->
                                ElementConversion.convert(
                                        DType.INT32, four, DType.FLOAT32, ByteBuffer.allocate(4)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("int32");
        assertThatThrownBy(
                        () ->
                                ElementConversion.convert(
                                        DType.FLOAT32, four, DType.FLOAT64, ByteBuffer.allocate(8)))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(
                        () ->
                                ElementConversion.convert(
                                        DType.FLOAT16, four, DType.FLOAT32, ByteBuffer.allocate(7)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("room for 7");
        ByteBuffer odd = ByteBuffer.allocate(3);
        assertThatThrownBy(
                        () ->
                                ElementConversion.convert(
                                        DType.FLOAT16, odd, DType.FLOAT32, ByteBuffer.allocate(16)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("whole elements");
        assertThat(odd.position()).isZero();
    }
}
