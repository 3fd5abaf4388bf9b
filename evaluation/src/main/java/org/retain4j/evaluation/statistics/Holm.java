package org.retain4j.evaluation.statistics;

import java.util.Comparator;
import java.util.stream.IntStream;

/**
 * Holm's step-down adjustment of p-values for testing several hypotheses at once (Holm 1979, "A
 * simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6(2)).
 *
 * <p>Rejecting every hypothesis whose adjusted p-value is at most α keeps the chance of even one
 * false rejection at α or less, whatever the dependence between the tests. Stateless and
 * thread-safe.
 */
public final class Holm {
    private Holm() {}

    /**
     * Returns the adjusted p-values, in the order of the input.
     *
     * @param pValues p-values in [0, 1]; not changed
     * @throws IllegalArgumentException if one lies outside [0, 1] or is NaN
     */
    public static double[] adjust(double... pValues) {
        for (int i = 0; i < pValues.length; i++) {
            if (!(pValues[i] >= 0 && pValues[i] <= 1)) {
                throw new IllegalArgumentException(
                        "A p-value must lie in [0, 1], but p-value %d is %s."
                                .formatted(i, pValues[i]));
            }
        }
        int[] ascending =
                IntStream.range(0, pValues.length)
                        .boxed()
                        .sorted(Comparator.comparingDouble(i -> pValues[i]))
                        .mapToInt(Integer::intValue)
                        .toArray();
        double[] adjusted = new double[pValues.length];
        double largest = 0;
        for (int rank = 0; rank < ascending.length; rank++) {
            double scaled = (pValues.length - rank) * pValues[ascending[rank]];
            largest = Math.max(largest, Math.min(1, scaled));
            adjusted[ascending[rank]] = largest;
        }
        return adjusted;
    }
}
