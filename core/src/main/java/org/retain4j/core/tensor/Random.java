package org.retain4j.core.tensor;

/**
 * Stream of random numbers that is a function of (seed, step, site) alone.
 *
 * <p>Every draw of this library comes from such a stream, made anew where it is needed: nothing has
 * to be saved to continue a run exactly. The generator is SplitMix64 (Steele, Lea and Flood 2014,
 * doi:10.1145/2660193.2660195). Not safe for concurrent use.
 */
public final class Random {

    // a Java array of a whole embedding would leave a large heap behind
    private static final int PIECE = 1 << 20;
    private static final long GOLDEN_GAMMA = 0x9E3779B97F4A7C15L;
    private static final double ULP = 0x1.0p-53;

    private long state;

    private Random(long state) {
        this.state = state;
    }

    /**
     * Returns the stream of a place in a run.
     *
     * @param seed seed of the run
     * @param step number of the step, or any other counter
     * @param site name of the place that draws, for example {@code "data-order"}
     */
    public static Random at(long seed, long step, String site) {
        long h = mix(seed + GOLDEN_GAMMA);
        h = mix(h ^ (step + GOLDEN_GAMMA));
        for (int i = 0; i < site.length(); i++) {
            h = mix(h + GOLDEN_GAMMA ^ site.charAt(i));
        }
        return new Random(h);
    }

    private static long mix(long value) {
        long z = (value ^ (value >>> 30)) * 0xBF58476D1CE4E5B9L;
        z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
        return z ^ (z >>> 31);
    }

    /** Returns 64 random bits. */
    public long nextLong() {
        state += GOLDEN_GAMMA;
        return mix(state);
    }

    /** Returns a number from [0, 1). */
    public double nextDouble() {
        return (nextLong() >>> 11) * ULP;
    }

    /**
     * Returns an integer from [0, bound), each equally likely.
     *
     * @throws IllegalArgumentException if the bound is not positive
     */
    public int nextInt(int bound) {
        if (bound <= 0) {
            throw new IllegalArgumentException("bound must be positive, is " + bound);
        }
        long range = bound;
        while (true) {
            long bits = nextLong() >>> 1;
            long value = bits % range;
            // refuses the incomplete last range, which would favour small values
            if (bits - value + (range - 1) >= 0) {
                return (int) value;
            }
        }
    }

    /**
     * Returns a number from the normal distribution with mean 0 and deviation 1 (Box and Muller).
     */
    public double nextGaussian() {
        double radius = Math.sqrt(-2 * Math.log(1 - nextDouble()));
        return radius * Math.cos(2 * Math.PI * nextDouble());
    }

    /** Returns a random order of 0, 1, … , n - 1 (Fisher and Yates). */
    public int[] permutation(int n) {
        int[] order = new int[n];
        for (int i = 0; i < n; i++) {
            int j = nextInt(i + 1);
            order[i] = order[j];
            order[j] = i;
        }
        return order;
    }

    /** Returns a float32 tensor on the CPU of normal numbers with mean 0. */
    public Tensor normal(double deviation, long... shape) {
        long count = 1;
        for (long size : shape) {
            count = Math.multiplyExact(count, size);
        }
        try (Scope scope = Scope.open()) {
            Tensor all = Tensor.zeros(DType.FLOAT32, Device.CPU, count);
            for (long start = 0; start < count; start += PIECE) {
                float[] values = new float[(int) Math.min(PIECE, count - start)];
                for (int i = 0; i < values.length; i++) {
                    values[i] = (float) (deviation * nextGaussian());
                }
                try (Scope part = Scope.open()) {
                    all.narrow(0, start, values.length)
                            .copyInPlace(Tensor.of(values, values.length));
                }
            }
            return scope.passOut(all.reshape(shape));
        }
    }

    /** Returns a float64 tensor on the CPU of numbers from [0, 1). */
    public Tensor uniform(int count) {
        double[] values = new double[count];
        for (int i = 0; i < count; i++) {
            values[i] = nextDouble();
        }
        return Tensor.of(values, count);
    }
}
