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
        long start = mix(key ^ mix(seed));
        return (model, index) -> {
            long state = mix(start + model) + (index + 1) * 0x9e3779b97f4a7c15L;
            return (mix(state) >>> 11) * 0x1p-53;
        };
    }

    private static long mix(long value) {
        long z = (value ^ (value >>> 30)) * 0xbf58476d1ce4e5b9L;
        z = (z ^ (z >>> 27)) * 0x94d049bb133111ebL;
        return z ^ (z >>> 31);
    }
}
