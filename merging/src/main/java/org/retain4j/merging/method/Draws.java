package org.retain4j.merging.method;

import java.nio.charset.StandardCharsets;

/** Uniform random numbers that depend on nothing but their place; safe for all threads. */
@FunctionalInterface
public interface Draws {

    /**
     * Returns a number of at least 0 and below 1; a fixed decision is 0 (keep) or 1 (drop).
     *
     * @param model position among the merged models
     * @param index element of the tensor
     */
    double at(int model, long index);

    /**
     * Returns the numbers of a tensor, the same whatever else is merged, in which order and by how
     * many threads.
     *
     * <p>SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014)
     * at the position of the element, started from a hash of seed, name and model.
     */
    static Draws of(long seed, String tensor) {
        long key = 0xcbf29ce484222325L;
        for (byte b : tensor.getBytes(StandardCharsets.UTF_8)) {
            key = (key ^ (b & 0xff)) * 0x100000001b3L;
        }
        return new SplitMix(mix(key ^ mix(seed)));
    }

    /**
     * Sets numbers to zero at random.
     *
     * @param at element of the tensor that the first number is
     * @param kept a number stays where its draw is less
     */
    default void drop(int model, long at, float[] values, int count, double kept) {
        for (int k = 0; k < count; k++) {
            if (at(model, at + k) >= kept) {
                values[k] = 0;
            }
        }
    }

    /** Numbers from a state that the place tells. */
    record SplitMix(long start) implements Draws {

        private static final long STEP = 0x9e3779b97f4a7c15L;
        private static final int PART = 1024;

        @Override
        public double at(int model, long index) {
            return (mix(mix(start + model) + (index + 1) * STEP) >>> 11) * 0x1p-53;
        }

        @Override
        public void drop(int model, long at, float[] values, int count, double kept) {
            // The draw is less than the bound exactly if its 53 bits are less than these.
            long bound = (long) Math.ceil(kept * 0x1p53);
            long first = mix(start + model) + (at + 1) * STEP;
            long[] draws = new long[PART];
            for (int done = 0; done < count; done += PART) {
                int part = Math.min(PART, count - done);
                fill(draws, first + done * STEP, part);
                for (int k = 0; k < part; k++) {
                    // A branch for every element would be mispredicted for many.
                    int stays = (int) (draws[k] - bound >> 63);
                    int bits = Float.floatToRawIntBits(values[done + k]);
                    values[done + k] = Float.intBitsToFloat(bits & stays);
                }
            }
        }

        private static void fill(long[] draws, long first, int count) {
            for (int k = 0; k < count; k++) {
                long z = first + k * STEP;
                z = (z ^ (z >>> 30)) * 0xbf58476d1ce4e5b9L;
                z = (z ^ (z >>> 27)) * 0x94d049bb133111ebL;
                draws[k] = (z ^ (z >>> 31)) >>> 11;
            }
        }
    }

    private static long mix(long value) {
        long z = (value ^ (value >>> 30)) * 0xbf58476d1ce4e5b9L;
        z = (z ^ (z >>> 27)) * 0x94d049bb133111ebL;
        return z ^ (z >>> 31);
    }
}
