package org.retain4j.lora;

import java.nio.ByteBuffer;
import java.nio.FloatBuffer;
import java.nio.IntBuffer;

/**
 * Rows of bfloat16 numbers as float32 and back, with the numbers of even columns before those of
 * odd ones.
 *
 * <p>Two neighbours are one 32-bit word. Taken apart in this way every loop works on whole words at
 * neighbouring places, for which the JIT uses vector instructions, and so do sums over rows in this
 * order.
 */
final class BfloatHalves {

    private static final int INFINITE = 0x7f800000;

    private BfloatHalves() {}

    /** Returns a matrix with the columns of all rows in the order of halves. */
    static float[] ordered(float[] matrix, int columns) {
        float[] result = new float[matrix.length];
        int half = columns / 2;
        for (int row = 0; row < matrix.length; row += columns) {
            for (int j = 0; j < half; j++) {
                result[row + j] = matrix[row + 2 * j];
                result[row + half + j] = matrix[row + 2 * j + 1];
            }
        }
        return result;
    }

    /**
     * Reads rows.
     *
     * @param in the rows, little-endian
     * @param columns an even number
     * @param words room for one row
     * @param exchange room for one row of float32 numbers
     * @param values gets the rows
     */
    static void read(
            ByteBuffer in,
            int rows,
            int columns,
            int[] words,
            ByteBuffer exchange,
            float[] values) {
        IntBuffer source = in.asIntBuffer();
        IntBuffer bits = exchange.asIntBuffer();
        FloatBuffer numbers = exchange.asFloatBuffer();
        int half = columns / 2;
        for (int row = 0; row < rows; row++) {
            source.get(row * half, words, half, half);
            apart(words, half);
            bits.put(0, words, 0, columns);
            numbers.get(0, values, row * columns, columns);
        }
    }

    private static void apart(int[] words, int half) {
        for (int j = 0; j < half; j++) {
            words[j] = words[half + j] << 16;
        }
        for (int j = half; j < 2 * half; j++) {
            words[j] &= 0xffff0000;
        }
    }

    /**
     * Writes rows, each number rounded to nearest with ties to even; otherwise as {@link #read}.
     */
    static void write(
            float[] values,
            int rows,
            int columns,
            int[] words,
            ByteBuffer exchange,
            ByteBuffer out) {
        IntBuffer target = out.asIntBuffer();
        IntBuffer bits = exchange.asIntBuffer();
        FloatBuffer numbers = exchange.asFloatBuffer();
        int half = columns / 2;
        for (int row = 0; row < rows; row++) {
            numbers.put(0, values, row * columns, columns);
            bits.get(0, words, 0, columns);
            if (isNan(words, columns)) {
                cutNan(words, columns);
            }
            together(words, half);
            target.put(row * half, words, 0, half);
        }
    }

    /** Returns whether one of the words is NaN, without a branch for each. */
    private static boolean isNan(int[] words, int count) {
        int negative = 0;
        for (int j = 0; j < count; j++) {
            negative |= INFINITE - (words[j] & 0x7fffffff);
        }
        return negative < 0;
    }

    /** Shortens NaN to the upper half, which rounding then leaves as it is. */
    private static void cutNan(int[] words, int count) {
        for (int j = 0; j < count; j++) {
            if ((words[j] & 0x7fffffff) > INFINITE) {
                int upper = words[j] & 0xffff0000;
                words[j] = (upper & 0x7f0000) == 0 ? upper | 0x400000 : upper;
            }
        }
    }

    private static void together(int[] words, int half) {
        for (int j = 0; j < 2 * half; j++) {
            int word = words[j];
            words[j] = word + 0x7fff + ((word >>> 16) & 1);
        }
        for (int j = 0; j < half; j++) {
            words[j] = (words[j] >>> 16) | (words[half + j] & 0xffff0000);
        }
    }
}
