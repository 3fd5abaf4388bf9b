package org.retain4j.regularization;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.retain4j.core.nn.Parameter;
import org.retain4j.core.tensor.Kernels;
import org.retain4j.core.tensor.Scope;
import org.retain4j.core.tensor.Tensor;

/**
 * How much each single weight matters for what the model knows: one non-negative tensor a
 * parameter.
 *
 * <p>Owns its tensors. Safe to read from all threads.
 */
public final class Importance implements AutoCloseable {

    /** How importances are scaled before use. */
    public enum Normalization {
        /** As estimated. */
        NONE,
        /** So that the mean over all weights is 1, which makes strengths comparable. */
        MEAN_1
    }

    private final Scope scope = Scope.unbound();
    private final Map<String, Tensor> byName = new LinkedHashMap<>();

    /**
     * Takes over importances.
     *
     * @param values tensors by parameter name, of the parameters' shapes
     */
    public Importance(Map<String, Tensor> values) {
        values.forEach((name, value) -> byName.put(name, scope.adopt(value)));
    }

    /**
     * Returns the importance of a parameter.
     *
     * @throws IllegalArgumentException if there is none
     */
    public Tensor of(String name) {
        Tensor value = byName.get(name);
        if (value == null) {
            throw new IllegalArgumentException("there is no importance of parameter " + name);
        }
        return value;
    }

    /** Returns the importances of parameters, in their order. */
    List<Tensor> of(List<Parameter> parameters) {
        List<Tensor> values = new ArrayList<>();
        parameters.forEach(parameter -> values.add(of(parameter.name())));
        return values;
    }

    /** Returns the mean over all single weights. */
    public double mean() {
        long count = byName.values().stream().mapToLong(Tensor::elements).sum();
        try (Scope reading = Scope.open()) {
            return Kernels.call("list_sum", List.copyOf(byName.values())).item() / count;
        }
    }

    /**
     * Scales the importances in place and returns them.
     *
     * @throws IllegalArgumentException if a mean of 1 is wanted and all are 0
     */
    public Importance normalize(Normalization normalization) {
        if (normalization == Normalization.MEAN_1) {
            double mean = mean();
            if (!(mean > 0)) {
                throw new IllegalArgumentException(
                        "all importances are 0 and cannot be scaled to a mean of 1");
            }
            try (Scope scaling = Scope.open()) {
                Kernels.call("list_mul_scalar_", List.copyOf(byName.values()), 1 / mean);
            }
        }
        return this;
    }

    /** Frees the tensors. */
    @Override
    public void close() {
        scope.close();
    }
}
