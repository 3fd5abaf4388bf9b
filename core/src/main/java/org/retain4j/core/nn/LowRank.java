package org.retain4j.core.nn;

import java.util.ArrayList;
import java.util.List;
import org.retain4j.core.tensor.Tensor;

/**
 * The term scale · (x Aᵀ) Bᵀ that an adapter adds to the output of a linear layer.
 *
 * @param a {@code [rank, in]}
 * @param b {@code [out, rank]}
 */
public record LowRank(Tensor a, Tensor b, double scale) {

    /** Terms of several layers side by side, as kernels take them. */
    record Group(List<Tensor> factors, long[] layers, double[] scales) {

        /** Collects the terms of layers that {@link Linear#isFused} holds for. */
        static Group of(List<Linear> layers, PassMode mode) {
            List<Tensor> factors = new ArrayList<>();
            List<Long> owners = new ArrayList<>();
            List<Double> scales = new ArrayList<>();
            for (int i = 0; i < layers.size(); i++) {
                for (LowRank term : layers.get(i).lowRanks(mode)) {
                    factors.add(term.a());
                    factors.add(term.b());
                    owners.add((long) i);
                    scales.add(term.scale());
                }
            }
            return new Group(
                    factors,
                    owners.stream().mapToLong(Long::longValue).toArray(),
                    scales.stream().mapToDouble(Double::doubleValue).toArray());
        }
    }
}
