package org.retain4j.regularization;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.retain4j.core.nn.Parameter;
import org.retain4j.core.tensor.Kernels;
import org.retain4j.core.tensor.Scope;
import org.retain4j.core.tensor.Tensor;
import org.retain4j.finetune.Penalty;
import org.retain4j.finetune.StateDict;

/**
 * The engine of all penalties λ Σ b (θ - θ*)²: pulls parameters to values they had, each with a
 * weight b of its own or all with 1.
 *
 * <p>The gradient 2 λ b (θ - θ*) is written in closed form; no graph is built.
 */
final class Anchor implements AutoCloseable {

    private final Penalty.Mode mode;
    private final double lambda;
    private Scope scope = Scope.unbound();
    private boolean loaded;
    private final Map<String, Tensor> anchors = new LinkedHashMap<>();
    private List<Tensor> anchor = List.of();
    private List<Tensor> importance = List.of();

    Anchor(Penalty.Mode mode, double lambda) {
        if (!(lambda >= 0) || Double.isInfinite(lambda)) {
            throw new IllegalArgumentException("lambda must be 0 or more, is " + lambda);
        }
        this.mode = mode;
        this.lambda = lambda;
    }

    /** Takes the anchor anew for each run, unless a resumed state brought one. */
    void start(List<Parameter> parameters, List<Tensor> weights) {
        if (!loaded) {
            forget();
        }
        loaded = false;
        importance = weights;
        List<Tensor> inOrder = new ArrayList<>();
        try (Scope copying = Scope.open()) {
            for (int i = 0; i < parameters.size(); i++) {
                Parameter parameter = parameters.get(i);
                if (!weights.isEmpty()) {
                    requireShape("importance", weights.get(i), parameter);
                }
                Tensor own = anchors.get(parameter.name());
                if (own == null) {
                    own = scope.adopt(parameter.value().detach().copy());
                    anchors.put(parameter.name(), own);
                }
                requireShape("anchor", own, parameter);
                inOrder.add(own);
            }
        }
        anchor = inOrder;
    }

    /** Another shape would be broadcast without a word. */
    private static void requireShape(String what, Tensor tensor, Parameter parameter) {
        if (!Arrays.equals(tensor.shape(), parameter.value().shape())) {
            throw new IllegalArgumentException(
                    "the "
                            + what
                            + " of "
                            + parameter.name()
                            + " has shape "
                            + Arrays.toString(tensor.shape())
                            + ", the parameter "
                            + Arrays.toString(parameter.value().shape()));
        }
    }

    double value(List<Parameter> parameters) {
        try (Scope reading = Scope.open()) {
            return lambda
                    * Kernels.call(
                                    "penalty_value",
                                    Parameter.values(parameters),
                                    anchor,
                                    importance)
                            .item();
        }
    }

    double addGradient(List<Parameter> parameters, List<Tensor> gradients) {
        try (Scope adding = Scope.open()) {
            return Kernels.call(
                            "penalty_gradient_",
                            gradients,
                            Parameter.values(parameters),
                            anchor,
                            importance,
                            2 * lambda)
                    .item();
        }
    }

    void afterStep(List<Parameter> parameters, double learningRate) {
        try (Scope moving = Scope.open()) {
            Kernels.call(
                    "penalty_decoupled_",
                    Parameter.values(parameters),
                    anchor,
                    importance,
                    2 * lambda * learningRate,
                    mode == Penalty.Mode.PROXIMAL);
        }
    }

    StateDict save() {
        return new StateDict(anchors, Map.of());
    }

    private void forget() {
        scope.close();
        scope = Scope.unbound();
        anchors.clear();
        anchor = List.of();
    }

    void load(StateDict state) {
        forget();
        loaded = true;
        try (Scope loading = Scope.open()) {
            state.tensors().forEach((name, value) -> anchors.put(name, scope.adopt(value.copy())));
        }
    }

    /** Returns the settings, which tell a penalty from another in a checkpoint. */
    @Override
    public String toString() {
        return "[lambda=" + lambda + ", mode=" + mode + "]";
    }

    @Override
    public void close() {
        scope.close();
    }
}
