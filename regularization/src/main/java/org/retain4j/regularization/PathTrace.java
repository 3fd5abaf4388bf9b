package org.retain4j.regularization;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.retain4j.core.nn.Parameter;
import org.retain4j.core.tensor.Kernels;
import org.retain4j.core.tensor.Scope;
import org.retain4j.core.tensor.Tensor;

/**
 * What the steps of a run gain: the sum of -g Δθ of every single weight.
 *
 * <p>Keeps the task gradient and the weights of before each step, two copies of the parameters
 * beside the sum.
 */
final class PathTrace implements AutoCloseable {

    private Scope scope = Scope.unbound();
    private List<Parameter> parameters = List.of();
    private List<Integer> indices = List.of();
    private List<Tensor> gradient = List.of();
    private List<Tensor> before = List.of();
    private List<Tensor> gain = List.of();

    /**
     * Begins a run.
     *
     * @param all parameters of the run
     * @param traced places of those that are traced
     * @param gains sums so far by name; those that are missing begin at 0
     */
    void begin(List<Parameter> all, List<Integer> traced, Map<String, Tensor> gains) {
        Scope next = Scope.unbound();
        indices = List.copyOf(traced);
        parameters = indices.stream().map(all::get).toList();
        List<Tensor> values = Parameter.values(parameters);
        try (Scope making = Scope.open()) {
            List<Tensor> sums = Kernels.callForList("list_zeros_like", values);
            for (int k = 0; k < sums.size(); k++) {
                Tensor known = gains.get(parameters.get(k).name());
                if (known != null) {
                    sums.get(k).copyInPlace(known);
                }
            }
            gain = adopted(next, sums);
            gradient = adopted(next, Kernels.callForList("list_zeros_like", values));
            before = adopted(next, Kernels.callForList("list_clone", values));
        }
        scope.close();
        scope = next;
    }

    private static List<Tensor> adopted(Scope scope, List<Tensor> tensors) {
        return tensors.stream().map(scope::adopt).toList();
    }

    void gradient(List<Tensor> all) {
        try (Scope copying = Scope.open()) {
            Kernels.call("list_copy_", gradient, indices.stream().map(all::get).toList());
        }
    }

    List<Tensor> lastGradient() {
        return gradient;
    }

    void moved() {
        try (Scope adding = Scope.open()) {
            Kernels.call("path_integral_", gain, gradient, Parameter.values(parameters), before);
        }
    }

    List<Tensor> gain() {
        return gain;
    }

    List<Parameter> parameters() {
        return parameters;
    }

    Map<String, Tensor> gains() {
        Map<String, Tensor> byName = new LinkedHashMap<>();
        for (int k = 0; k < gain.size(); k++) {
            byName.put(parameters.get(k).name(), gain.get(k));
        }
        return byName;
    }

    @Override
    public void close() {
        scope.close();
        scope = Scope.unbound();
        parameters = List.of();
        gain = List.of();
    }
}
