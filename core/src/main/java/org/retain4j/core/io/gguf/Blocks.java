package org.retain4j.core.io.gguf;

/**
 * Decoders of plain numbers and of the quantised blocks of 32 elements.
 *
 * <p>A block holds a float16 scale d, for {@code _1} types a float16 minimum m, and 4, 5 or 8 bits
 * per element: {@code _0} types give d (q - middle), {@code _1} types d q + m. Four-bit halves of a
 * byte belong to elements j and j + 16; the fifth bits lie together in one 32-bit word.
 */
final class Blocks {

    private static final int SIZE = 32;
    private static final int HALF = SIZE / 2;

    private Blocks() {}

    static void f32(byte[] from, float[] to, int blocks) {
        for (int i = 0; i < blocks; i++) {
            to[i] = Float.intBitsToFloat(int32(from, 4 * i));
        }
    }

    static void f16(byte[] from, float[] to, int blocks) {
        for (int i = 0; i < blocks; i++) {
            to[i] = float16(from, 2 * i);
        }
    }

    static void bf16(byte[] from, float[] to, int blocks) {
        for (int i = 0; i < blocks; i++) {
            to[i] = Float.intBitsToFloat(uint16(from, 2 * i) << 16);
        }
    }

    static void q8v0(byte[] from, float[] to, int blocks) {
        for (int b = 0; b < blocks; b++) {
            int at = b * 34;
            float d = float16(from, at);
            for (int j = 0; j < SIZE; j++) {
                to[b * SIZE + j] = d * from[at + 2 + j];
            }
        }
    }

    static void q4v0(byte[] from, float[] to, int blocks) {
        for (int b = 0; b < blocks; b++) {
            int at = b * 18;
            float d = float16(from, at);
            for (int j = 0; j < HALF; j++) {
                int q = from[at + 2 + j];
                to[b * SIZE + j] = d * ((q & 15) - 8);
                to[b * SIZE + HALF + j] = d * ((q >> 4 & 15) - 8);
            }
        }
    }

    static void q4v1(byte[] from, float[] to, int blocks) {
        for (int b = 0; b < blocks; b++) {
            int at = b * 20;
            float d = float16(from, at);
            float m = float16(from, at + 2);
            for (int j = 0; j < HALF; j++) {
                int q = from[at + 4 + j];
                to[b * SIZE + j] = d * (q & 15) + m;
                to[b * SIZE + HALF + j] = d * (q >> 4 & 15) + m;
            }
        }
    }

    static void q5v0(byte[] from, float[] to, int blocks) {
        for (int b = 0; b < blocks; b++) {
            int at = b * 22;
            float d = float16(from, at);
            int fifth = int32(from, at + 2);
            for (int j = 0; j < HALF; j++) {
                int q = from[at + 6 + j];
                to[b * SIZE + j] = d * ((q & 15 | (fifth >> j & 1) << 4) - 16);
                to[b * SIZE + HALF + j] = d * ((q >> 4 & 15 | (fifth >> (j + HALF) & 1) << 4) - 16);
            }
        }
    }

    static void q5v1(byte[] from, float[] to, int blocks) {
        for (int b = 0; b < blocks; b++) {
            int at = b * 24;
            float d = float16(from, at);
            float m = float16(from, at + 2);
            int fifth = int32(from, at + 4);
            for (int j = 0; j < HALF; j++) {
                int q = from[at + 8 + j];
                to[b * SIZE + j] = d * (q & 15 | (fifth >> j & 1) << 4) + m;
                to[b * SIZE + HALF + j] = d * (q >> 4 & 15 | (fifth >> (j + HALF) & 1) << 4) + m;
            }
        }
    }

    /** Returns the value of an IEEE 754 half-precision number; exact. */
    static float float16(byte[] from, int at) {
        int bits = uint16(from, at);
        int sign = (bits & 0x8000) << 16;
        int exponent = bits >> 10 & 31;
        int fraction = bits & 0x3FF;
        if (exponent == 0) {
            float value = fraction * 0x1p-24f;
            return sign == 0 ? value : -value;
        }
        int wide = exponent == 31 ? 255 : exponent + 112;
        return Float.intBitsToFloat(sign | wide << 23 | fraction << 13);
    }

    private static int uint16(byte[] from, int at) {
        return from[at] & 255 | (from[at + 1] & 255) << 8;
    }

    private static int int32(byte[] from, int at) {
        return uint16(from, at) | uint16(from, at + 2) << 16;
    }
}
