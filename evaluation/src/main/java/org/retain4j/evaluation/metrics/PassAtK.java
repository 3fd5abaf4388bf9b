package org.retain4j.evaluation.metrics;

/**
 * Unbiased estimate of the chance that one of k samples solves a problem (Chen et al. 2021,
 * arXiv:2107.03374). Stateless and thread-safe.
 */
public final class PassAtK {
    private PassAtK() {}

    /**
     * Returns 1 − C(n − c, k) / C(n, k).
     *
     * @param samples number of samples n drawn for the problem
     * @param correct number c of them that solve it, 0 to n
     * @param k 1 to n
     * @throws IllegalArgumentException if a number is out of range
     */
    public static double of(int samples, int correct, int k) {
        if (k < 1 || k > samples || correct < 0 || correct > samples) {
            throw new IllegalArgumentException(
                    "pass@%d cannot be computed from %d correct of %d samples"
                            .formatted(k, correct, samples));
        }
        if (samples - correct < k) {
            return 1;
        }
        // a product of ratios, since the binomials of 200 samples leave the range of a double
        double none = 1;
        for (int i = samples - correct + 1; i <= samples; i++) {
            none *= 1 - (double) k / i;
        }
        return 1 - none;
    }
}
