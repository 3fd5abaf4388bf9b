package org.retain4j.core.io.gguf;

/**
 * Decoders of the quantised blocks of 256 elements, the "K" types.
 *
 * <p>{@code Q4_K} and {@code Q5_K} have eight groups of 32 elements with a 6-bit scale s and a
 * 6-bit minimum t each: element = (d s) q - (dmin t). {@code Q6_K} has sixteen groups of 16
 * elements with a signed 8-bit scale: element = (d s) (q - 32).
 */
final class KBlocks {

    private static final int SIZE = 256;

    private KBlocks() {}

    static void q4k(byte[] from, float[] to, int blocks) {
        for (int b = 0; b < blocks; b++) {
            int at = b * 144;
            float d = Blocks.float16(from, at);
            float least = Blocks.float16(from, at + 2);
            for (int group = 0; group < 8; group++) {
                float scale = d * scale(from, at + 4, group);
                float minimum = least * minimum(from, at + 4, group);
                int low = at + 16 + group / 2 * 32;
                int shift = group % 2 * 4;
                int out = b * SIZE + group * 32;
                for (int j = 0; j < 32; j++) {
                    to[out + j] = scale * (from[low + j] >> shift & 15) - minimum;
                }
            }
        }
    }

    static void q5k(byte[] from, float[] to, int blocks) {
        for (int b = 0; b < blocks; b++) {
            int at = b * 176;
            float d = Blocks.float16(from, at);
            float least = Blocks.float16(from, at + 2);
            int high = at + 16;
            for (int group = 0; group < 8; group++) {
                float scale = d * scale(from, at + 4, group);
                float minimum = least * minimum(from, at + 4, group);
                int low = at + 48 + group / 2 * 32;
                int shift = group % 2 * 4;
                int out = b * SIZE + group * 32;
                for (int j = 0; j < 32; j++) {
                    int q = from[low + j] >> shift & 15 | (from[high + j] >> group & 1) << 4;
                    to[out + j] = scale * q - minimum;
                }
            }
        }
    }

    static void q6k(byte[] from, float[] to, int blocks) {
        for (int b = 0; b < blocks; b++) {
            int at = b * 210;
            float d = Blocks.float16(from, at + 208);
            // Eight runs of 32: each half of the block has four, told apart by bit positions.
            for (int run = 0; run < 8; run++) {
                int half = run / 4;
                int within = run % 4;
                int low = at + half * 64 + within % 2 * 32;
                int lowShift = within / 2 * 4;
                int high = at + 128 + half * 32;
                int highShift = within * 2;
                int out = b * SIZE + run * 32;
                float first = d * from[at + 192 + run * 2];
                float second = d * from[at + 192 + run * 2 + 1];
                for (int j = 0; j < 32; j++) {
                    int q = from[low + j] >> lowShift & 15 | (from[high + j] >> highShift & 3) << 4;
                    to[out + j] = (j < 16 ? first : second) * (q - 32);
                }
            }
        }
    }

    /** Returns the 6-bit scale of a group: groups 4 to 7 keep their upper bits with the first. */
    private static int scale(byte[] from, int at, int group) {
        return group < 4
                ? from[at + group] & 63
                : from[at + group + 4] & 15 | (from[at + group - 4] >> 6 & 3) << 4;
    }

    private static int minimum(byte[] from, int at, int group) {
        return group < 4
                ? from[at + group + 4] & 63
                : from[at + group + 4] >> 4 & 15 | (from[at + group] >> 6 & 3) << 4;
    }
}
