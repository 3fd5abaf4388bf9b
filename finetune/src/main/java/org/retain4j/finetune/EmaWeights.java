package org.retain4j.finetune;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.retain4j.core.nn.Parameter;
import org.retain4j.core.tensor.Kernels;
import org.retain4j.core.tensor.Scope;
import org.retain4j.core.tensor.Tensor;

/**
 * Exponential moving average of the trained weights: a ← d·a + (1-d)·θ after every step, from a = θ
 * before the first (Polyak and Juditsky 1992, doi:10.1137/0330046).
 *
 * <p>Costs one float32 copy of the trained weights, which {@link #close} frees. After the run
 * {@link #apply} puts the averages into the model and {@link #restore} takes them out again. Not
 * safe for concurrent use.
 */
public final class EmaWeights implements Stateful, AutoCloseable {

    private final double decay;
    private Scope scope = Scope.unbound();
    private final Map<String, Tensor> averages = new LinkedHashMap<>();
    private List<Parameter> parameters = List.of();
    private boolean loaded;
    private boolean applied;

    /**
     * Creates an average without weights; a trainer fills it.
     *
     * @param decay d, in [0, 1) ({@code ema_decay})
     * @throws IllegalArgumentException if it is not
     */
    public EmaWeights(double decay) {
        if (!(decay >= 0 && decay < 1)) {
            throw new IllegalArgumentException("ema_decay must be in [0, 1), is " + decay);
        }
        this.decay = decay;
    }

    void start(List<Parameter> trained) {
        if (!loaded) {
            scope.close();
            scope = Scope.unbound();
            averages.clear();
            try (Scope copying = Scope.open()) {
                for (Parameter parameter : trained) {
                    averages.put(parameter.name(), scope.adopt(parameter.value().detach().copy()));
                }
            }
        }
        loaded = false;
        applied = false;
        parameters = List.copyOf(trained);
    }

    void update() {
        Kernels.call(
                        "list_lerp_",
                        ordered(),
                        parameters.stream().map(p -> p.value().detach()).toList(),
                        1 - decay)
                .close();
    }

    private List<Tensor> ordered() {
        return parameters.stream().map(p -> average(p.name())).toList();
    }

    private Tensor average(String name) {
        Tensor average = averages.get(name);
        if (average == null) {
            throw new IllegalArgumentException("the average holds no weight " + name);
        }
        return average;
    }

    /**
     * Puts the averages into the model and keeps its own weights instead.
     *
     * @throws IllegalStateException if they are in it already
     */
    public void apply() {
        swap(true);
    }

    /**
     * Gives the model its own weights back.
     *
     * @throws IllegalStateException if the averages are not in it
     */
    public void restore() {
        swap(false);
    }

    private void swap(boolean apply) {
        if (applied == apply) {
            throw new IllegalStateException(
                    apply ? "the averages are applied already" : "the averages are not applied");
        }
        for (Parameter parameter : parameters) {
            try (Scope swapping = Scope.open()) {
                Tensor weight = parameter.value().detach();
                Tensor average = average(parameter.name());
                Tensor kept = weight.copy();
                weight.copyInPlace(average);
                average.copyInPlace(kept);
            }
        }
        applied = apply;
    }

    @Override
    public StateDict save() {
        return new StateDict(averages, Map.of());
    }

    @Override
    public void load(StateDict state) {
        scope.close();
        scope = Scope.unbound();
        averages.clear();
        try (Scope loading = Scope.open()) {
            state.tensors()
                    .forEach(
                            (name, value) -> {
                                averages.put(name, scope.adopt(value.copy()));
                            });
        }
        loaded = true;
    }

    /** Returns what tells this average from another in a checkpoint. */
    @Override
    public String toString() {
        return "EmaWeights[decay=" + decay + "]";
    }

    /** Frees the averages. */
    @Override
    public void close() {
        scope.close();
    }
}
