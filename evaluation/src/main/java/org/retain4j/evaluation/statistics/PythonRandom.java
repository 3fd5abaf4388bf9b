package org.retain4j.evaluation.statistics;

import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.apache.commons.rng.UniformRandomProvider;
import org.apache.commons.rng.simple.RandomSource;

/**
 * The draws of Python's {@code random.Random(seed)}, in the same order (CPython 3.11 and later).
 *
 * <p>The generator is MT19937 (Matsumoto and Nishimura 1998), seeded by its array method with the
 * 32-bit digits of the seed; what stands on it follows CPython's documented algorithms, so that
 * few-shot examples and bootstrap errors come out as in lm-evaluation-harness. For one thread.
 */
public final class PythonRandom {

    private static final double TWO_TO_MINUS_53 = 0x1p-53;

    private final UniformRandomProvider words;

    /** Creates a generator; the sign of the seed does not matter, as in Python. */
    public PythonRandom(long seed) {
        // the magnitude is unsigned: that of Long.MIN_VALUE is 2^63
        long magnitude = Math.abs(seed);
        int low = (int) magnitude;
        int high = (int) (magnitude >>> 32);
        words = RandomSource.MT.create(high == 0 ? new int[] {low} : new int[] {low, high});
    }

    /** Returns {@code random()}: a number in [0, 1) of 53 bits. */
    public double random() {
        long high = words.nextInt() >>> 5;
        long low = words.nextInt() >>> 6;
        return ((high << 26) + low) * TWO_TO_MINUS_53;
    }

    /**
     * Returns {@code getrandbits(bits)}.
     *
     * @throws IllegalArgumentException if the number of bits is not 1 to 63
     */
    public long bits(int bits) {
        if (bits < 1 || bits > 63) {
            throw new IllegalArgumentException("bits must be 1 to 63, is " + bits);
        }
        if (bits <= 32) {
            return Integer.toUnsignedLong(words.nextInt() >>> (32 - bits));
        }
        long low = Integer.toUnsignedLong(words.nextInt());
        return low | (Integer.toUnsignedLong(words.nextInt() >>> (64 - bits)) << 32);
    }

    /**
     * Returns {@code randrange(bound)}: a whole number from 0 to the bound, exclusively.
     *
     * @throws IllegalArgumentException if the bound is not positive
     */
    public int below(int bound) {
        if (bound < 1) {
            throw new IllegalArgumentException("the bound must be positive, is " + bound);
        }
        int bits = Integer.SIZE - Integer.numberOfLeadingZeros(bound);
        long drawn = bits(bits);
        while (drawn >= bound) {
            drawn = bits(bits);
        }
        return (int) drawn;
    }

    /**
     * Returns {@code sample(range(population), count)}: different indices in the order drawn.
     *
     * @throws IllegalArgumentException if the count is negative or larger than the population
     */
    public int[] sample(int population, int count) {
        if (count < 0 || count > population) {
            throw new IllegalArgumentException(
                    "cannot draw " + count + " different items of " + population);
        }
        int[] drawn = new int[count];
        if (population <= listSize(count)) {
            int[] pool = new int[population];
            for (int i = 0; i < population; i++) {
                pool[i] = i;
            }
            for (int i = 0; i < count; i++) {
                int at = below(population - i);
                drawn[i] = pool[at];
                pool[at] = pool[population - i - 1];
            }
            return drawn;
        }
        Set<Integer> selected = new HashSet<>();
        for (int i = 0; i < count; i++) {
            int at = below(population);
            while (!selected.add(at)) {
                at = below(population);
            }
            drawn[i] = at;
        }
        return drawn;
    }

    /** Returns up to which population CPython draws from a list instead of a set. */
    private static long listSize(int count) {
        long size = 21;
        if (count > 5) {
            // the smallest power of four that is not below three times the count
            int log = Long.SIZE - Long.numberOfLeadingZeros(3L * count - 1);
            size += 1L << (2 * ((log + 1) / 2));
        }
        return size;
    }

    /**
     * Returns {@code choices(range(population), k=count)}: indices with replacement.
     *
     * @throws IllegalArgumentException if the population is not positive
     */
    public int[] choices(int population, int count) {
        if (population < 1) {
            throw new IllegalArgumentException("there is nothing to choose from");
        }
        int[] drawn = new int[count];
        for (int i = 0; i < count; i++) {
            drawn[i] = (int) (random() * population);
        }
        return drawn;
    }

    /** Shuffles a list as {@code shuffle} does. */
    public void shuffle(List<?> list) {
        for (int i = list.size() - 1; i > 0; i--) {
            Collections.swap(list, i, below(i + 1));
        }
    }
}
