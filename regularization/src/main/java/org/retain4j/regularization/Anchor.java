package org.retain4j.regularization;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;
import org.retain4j.core.nn.Parameter;
import org.retain4j.core.tensor.Kernels;
import org.retain4j.core.tensor.Scope;
import org.retain4j.core.tensor.Tensor;
import org.retain4j.finetune.Penalty;

/**
 * One term Σ b (θ - θ*)²: the values θ* that parameters had, and a weight b of every single one, or
 * 1 for all.
 *
 * <p>The gradient 2 b (θ - θ*) is written in closed form; no graph is built. A parameter that has
 * gained rows since, such as a resized embedding, is held in its old rows alone; one that is not
 * known at all is left alone.
 */
final class Anchor implements AutoCloseable {

    private Scope scope = Scope.unbound();
    private final Map<String, Tensor> anchors = new LinkedHashMap<>();
    private Map<String, Tensor> weights = Map.of();
    private boolean weighted;
    private boolean zero;
    private double share = 1;

    /** Which parameters of a list the term is of, and how. */
    private final List<Integer> indices = new ArrayList<>();

    private List<Tensor> anchor = List.of();
    private List<Tensor> importance = List.of();
    private double distance;

    /** Ties to 0 in place of earlier values, with a share of the strength of the others. */
    Anchor toZero(double strength) {
        zero = true;
        share = strength;
        return this;
    }

    /** Sets a factor of this term's value. */
    void share(double value) {
        share = value;
    }

    /** Sets the weights by name; they belong to the caller. */
    void weigh(Map<String, Tensor> byName) {
        weights = byName;
        weighted = true;
    }

    Map<String, Tensor> anchors() {
        return anchors;
    }

    /** Takes values from elsewhere, such as a checkpoint. */
    void load(Map<String, Tensor> values) {
        forget();
        try (Scope loading = Scope.open()) {
            values.forEach((name, value) -> anchors.put(name, scope.adopt(value.copy())));
        }
    }

    void forget() {
        scope.close();
        scope = Scope.unbound();
        anchors.clear();
        anchor = List.of();
        indices.clear();
    }

    /** Takes the values that the parameters have now. */
    void take(List<Parameter> parameters) {
        forget();
        try (Scope copying = Scope.open()) {
            for (Parameter parameter : parameters) {
                anchors.put(parameter.name(), scope.adopt(parameter.value().detach().copy()));
            }
        }
    }

    /**
     * Finds its anchors and weights for a list of parameters.
     *
     * @param held which of them are tied
     * @throws IllegalArgumentException if a shape does not fit, or a weight is missing
     */
    void bind(List<Parameter> parameters, Predicate<Parameter> held) {
        indices.clear();
        List<Tensor> ownAnchors = new ArrayList<>();
        List<Tensor> ownWeights = new ArrayList<>();
        for (int i = 0; i < parameters.size(); i++) {
            Parameter parameter = parameters.get(i);
            Tensor own = anchors.get(parameter.name());
            if (!held.test(parameter) || (own == null && !zero)) {
                continue;
            }
            indices.add(i);
            long rows = own == null ? rows(parameter.value()) : rows(own);
            if (weighted) {
                Tensor weight = weights.get(parameter.name());
                if (weight == null) {
                    throw new IllegalArgumentException(
                            "there is no importance of parameter " + parameter.name());
                }
                requireShape("importance", weight, parameter);
                rows = Math.min(rows, rows(weight));
                ownWeights.add(top(weight, rows));
            }
            if (own != null) {
                requireShape("anchor", own, parameter);
                ownAnchors.add(top(own, rows));
            }
        }
        anchor = ownAnchors;
        importance = ownWeights;
    }

    private Tensor top(Tensor tensor, long rows) {
        if (tensor.shape().length == 0 || rows(tensor) == rows) {
            return tensor;
        }
        try (Scope viewing = Scope.open()) {
            return scope.adopt(tensor.narrow(0, 0, rows));
        }
    }

    private static long rows(Tensor tensor) {
        return tensor.shape().length == 0 ? 1 : tensor.shape()[0];
    }

    /** Another shape would be broadcast without a word; fewer rows are those of before a resize. */
    private static void requireShape(String what, Tensor tensor, Parameter parameter) {
        long[] own = tensor.shape();
        long[] now = parameter.value().shape();
        boolean grown =
                own.length > 1
                        && own.length == now.length
                        && own[0] < now[0]
                        && Arrays.equals(own, 1, own.length, now, 1, now.length);
        if (!grown && !Arrays.equals(own, now)) {
            throw new IllegalArgumentException(
                    "the "
                            + what
                            + " of "
                            + parameter.name()
                            + " has shape "
                            + Arrays.toString(own)
                            + ", the parameter "
                            + Arrays.toString(now));
        }
    }

    /** Returns those of a list of tensors that the term is of, in their old rows. */
    private List<Tensor> held(List<Tensor> all) {
        List<Tensor> own = new ArrayList<>(indices.size());
        for (int k = 0; k < indices.size(); k++) {
            Tensor tensor = all.get(indices.get(k));
            boolean whole = anchor.isEmpty() || rows(anchor.get(k)) == rows(tensor);
            own.add(whole ? tensor : tensor.narrow(0, 0, rows(anchor.get(k))));
        }
        return own;
    }

    boolean isEmpty() {
        return indices.isEmpty();
    }

    /** Returns Σ b (θ - θ*)². */
    double value(List<Parameter> parameters) {
        if (isEmpty()) {
            distance = 0;
            return 0;
        }
        try (Scope reading = Scope.open()) {
            double[] sums =
                    Kernels.call(
                                    "penalty_value",
                                    held(Parameter.values(parameters)),
                                    anchor,
                                    importance)
                            .toDoubleArray();
            distance = Math.sqrt(sums[1]);
            return share * sums[0];
        }
    }

    /** Returns ‖θ - θ*‖ when the value or the gradient was last asked for. */
    double distance() {
        return distance;
    }

    /** Adds {@code factor} b (θ - θ*) to gradients; the value is Σ b (θ - θ*)². */
    Penalty.Pull pull(List<Parameter> parameters, List<Tensor> gradients, double factor) {
        if (isEmpty()) {
            distance = 0;
            return new Penalty.Pull(0, 0, 0);
        }
        try (Scope adding = Scope.open()) {
            double[] sums =
                    Kernels.call(
                                    "penalty_gradient_",
                                    held(gradients),
                                    held(Parameter.values(parameters)),
                                    anchor,
                                    importance,
                                    share * factor)
                            .toDoubleArray();
            distance = Math.sqrt(sums[1]);
            double norm = Math.abs(share * factor) * Math.sqrt(sums[2]);
            return new Penalty.Pull(norm, share * sums[0], distance);
        }
    }

    /** Moves parameters by {@code step} b (θ - θ*), or to the fixed point of that. */
    void move(List<Parameter> parameters, double step, boolean proximal) {
        if (isEmpty()) {
            return;
        }
        try (Scope moving = Scope.open()) {
            Kernels.call(
                    "penalty_decoupled_",
                    held(Parameter.values(parameters)),
                    anchor,
                    importance,
                    share * step,
                    proximal);
        }
    }

    /** Returns the largest b. */
    double largestWeight() {
        if (importance.isEmpty()) {
            return share;
        }
        try (Scope reading = Scope.open()) {
            return share * Kernels.call("list_max", importance).item();
        }
    }

    @Override
    public void close() {
        scope.close();
    }
}
