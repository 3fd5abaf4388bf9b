package org.retain4j.merging.method;

import java.io.IOException;
import java.util.Arrays;

/**
 * Values of given ranks among many non-negative numbers that are seen twice but never held.
 *
 * <p>The bits of non-negative floats are ordered as the floats are: the first pass counts their
 * upper half, the second the lower half where a wanted rank lies. NaN ranks highest.
 */
final class RankSelection {

    private static final int BINS = 1 << 16;

    /** Takes a part of the numbers. */
    @FunctionalInterface
    interface Consumer {
        /** Counts the first {@code count} numbers. */
        void accept(float[] values, int count);
    }

    /** Shows all numbers, in any order, each at least 0. */
    @FunctionalInterface
    interface Pass {
        /** Gives all numbers to the consumer. */
        void run(Consumer consumer) throws IOException;
    }

    /**
     * A value with how many of the numbers are less.
     *
     * @param value the number of the rank
     * @param less count of smaller numbers
     * @param equal count of equal numbers
     */
    record Ranked(float value, long less, long equal) {}

    private RankSelection() {}

    /** Returns the numbers of ascending ranks, counted from 0 and below the count of numbers. */
    static Ranked[] find(Pass pass, long... ranks) throws IOException {
        long[] upper = new long[BINS];
        pass.run(
                (values, count) -> {
                    for (int k = 0; k < count; k++) {
                        upper[bits(values[k]) >>> 16]++;
                    }
                });
        int[] bins = new int[ranks.length];
        long[] before = new long[ranks.length];
        for (int r = 0; r < ranks.length; r++) {
            while (before[r] + upper[bins[r]] <= ranks[r]) {
                before[r] += upper[bins[r]++];
            }
        }
        int[] place = new int[BINS];
        Arrays.fill(place, -1);
        int different = 0;
        for (int bin : bins) {
            if (place[bin] < 0) {
                place[bin] = different++;
            }
        }
        long[][] lower = new long[different][BINS];
        pass.run(
                (values, count) -> {
                    for (int k = 0; k < count; k++) {
                        int bits = bits(values[k]);
                        int at = place[bits >>> 16];
                        if (at >= 0) {
                            lower[at][bits & 0xffff]++;
                        }
                    }
                });
        Ranked[] found = new Ranked[ranks.length];
        for (int r = 0; r < ranks.length; r++) {
            long[] counts = lower[place[bins[r]]];
            long less = before[r];
            int low = 0;
            while (less + counts[low] <= ranks[r]) {
                less += counts[low++];
            }
            found[r] = new Ranked(Float.intBitsToFloat(bins[r] << 16 | low), less, counts[low]);
        }
        return found;
    }

    private static int bits(float value) {
        return Float.floatToIntBits(value) & 0x7fffffff;
    }
}
