package org.retain4j.core.io.gguf;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * Packs integers and scales into blocks, element by element from the description of the format, and
 * says what they stand for.
 */
final class BlockPacker {

    private final ByteBuffer bytes;
    final float[] values;

    private BlockPacker(int size, int elements) {
        this.bytes = ByteBuffer.allocate(size).order(ByteOrder.LITTLE_ENDIAN);
        this.values = new float[elements];
    }

    byte[] bytes() {
        return bytes.array();
    }

    /** Sets bits of one byte. */
    private void or(int at, int bits) {
        bytes.put(at, (byte) (bytes.get(at) | bits));
    }

    /** Returns a float16 as bits; only for numbers that are one, and normal. */
    static short half(float value) {
        int bits = Float.floatToRawIntBits(value);
        int exponent = (bits >> 23 & 255) - 112;
        if (value == 0) {
            return 0;
        }
        if (exponent < 1 || exponent > 30 || (bits & 0x1FFF) != 0) {
            throw new AssertionError(value + " is not a normal float16");
        }
        return (short) (bits >> 16 & 0x8000 | exponent << 10 | bits >> 13 & 0x3FF);
    }

    /** Packs a block of 32 with {@code bits} bits an element; {@code m} is null for "_0" types. */
    static BlockPacker small(int bits, float d, Float m, int[] q) {
        int head = m == null ? 2 : 4;
        int fifth = bits == 5 ? 4 : 0;
        BlockPacker block = new BlockPacker(head + fifth + (bits == 8 ? 32 : 16), 32);
        block.bytes.putShort(0, half(d));
        if (m != null) {
            block.bytes.putShort(2, half(m));
        }
        int middle = m != null || bits == 8 ? 0 : 1 << (bits - 1);
        for (int j = 0; j < 32; j++) {
            block.values[j] = d * (q[j] - middle) + (m == null ? 0 : m);
            if (bits == 8) {
                block.bytes.put(head + j, (byte) q[j]);
                continue;
            }
            block.or(head + fifth + j % 16, (q[j] & 15) << (j < 16 ? 0 : 4));
            if (bits == 5 && (q[j] & 16) != 0) {
                block.or(head + j / 8, 1 << (j % 8));
            }
        }
        return block;
    }

    /** Packs a Q4_K or Q5_K block: 8 groups of 32 with 6-bit scales and minima. */
    static BlockPacker k45(int bits, float d, float dmin, int[] scales, int[] minima, int[] q) {
        int quants = bits == 5 ? 48 : 16;
        BlockPacker block = new BlockPacker(quants + 128, 256);
        block.bytes.putShort(0, half(d));
        block.bytes.putShort(2, half(dmin));
        for (int g = 0; g < 8; g++) {
            if (g < 4) {
                block.or(4 + g, scales[g]);
                block.or(8 + g, minima[g]);
            } else {
                block.or(12 + g - 4, scales[g] & 15 | (minima[g] & 15) << 4);
                block.or(4 + g - 4, (scales[g] >> 4) << 6);
                block.or(8 + g - 4, (minima[g] >> 4) << 6);
            }
        }
        for (int i = 0; i < 256; i++) {
            int group = i / 32;
            int lane = i % 32;
            block.or(quants + i / 64 * 32 + lane, (q[i] & 15) << (group % 2 == 0 ? 0 : 4));
            if (bits == 5 && (q[i] & 16) != 0) {
                block.or(16 + lane, 1 << group);
            }
            block.values[i] = d * scales[group] * q[i] - dmin * minima[group];
        }
        return block;
    }

    /** Packs a Q6_K block: 16 groups of 16 with signed 8-bit scales. */
    static BlockPacker k6(float d, int[] scales, int[] q) {
        BlockPacker block = new BlockPacker(210, 256);
        block.bytes.putShort(208, half(d));
        for (int g = 0; g < 16; g++) {
            block.bytes.put(192 + g, (byte) scales[g]);
        }
        for (int i = 0; i < 256; i++) {
            int half = i / 128;
            int quarter = i % 128 / 32;
            int lane = i % 32;
            block.or(half * 64 + quarter % 2 * 32 + lane, (q[i] & 15) << (quarter / 2 * 4));
            block.or(128 + half * 32 + lane, (q[i] >> 4) << (quarter * 2));
            block.values[i] = d * scales[i / 16] * (q[i] - 32);
        }
        return block;
    }
}
