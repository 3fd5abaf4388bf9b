package org.retain4j.regularization;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.retain4j.core.nn.Parameter;
import org.retain4j.core.tensor.Tensor;
import org.retain4j.finetune.Penalty;
import org.retain4j.finetune.StateDict;
import org.retain4j.finetune.optim.NamePattern;

/**
 * The engine of all penalties λ Σ b (θ - θ*)²: how they enter a step, what they report and save. A
 * method says where weights and anchors come from.
 */
abstract class AnchoredPenalty implements Penalty, AutoCloseable {

    private final Mode mode;
    private final double lambda;
    private final List<NamePattern> excluded = new ArrayList<>();
    private boolean loaded;

    AnchoredPenalty(Mode mode, double lambda) {
        if (!(lambda >= 0) || Double.isInfinite(lambda)) {
            throw new IllegalArgumentException("lambda must be 0 or more, is " + lambda);
        }
        this.mode = mode;
        this.lambda = lambda;
    }

    /**
     * Leaves parameters out, for example norms and biases; to be called before the run.
     *
     * @param patterns see {@link NamePattern}
     */
    public final void exclude(String... patterns) {
        for (String pattern : patterns) {
            excluded.add(NamePattern.of(pattern));
        }
    }

    /** Returns the terms; their sum is multiplied by λ. */
    abstract List<Anchor> terms();

    /**
     * Makes the terms ready for a run.
     *
     * @param resumed whether a saved state was loaded for this run
     */
    abstract void begin(List<Parameter> parameters, boolean resumed);

    final boolean holds(Parameter parameter) {
        return excluded.stream().noneMatch(pattern -> pattern.matches(parameter.name()));
    }

    final void bind(List<Parameter> parameters) {
        terms().forEach(term -> term.bind(parameters, this::holds));
    }

    @Override
    public final Mode mode() {
        return mode;
    }

    @Override
    public final void start(List<Parameter> parameters) {
        boolean resumed = loaded;
        loaded = false;
        begin(parameters, resumed);
    }

    @Override
    public final double value(List<Parameter> parameters) {
        double sum = 0;
        for (Anchor term : terms()) {
            sum += term.value(parameters);
        }
        return lambda == 0 ? 0 : lambda * sum;
    }

    @Override
    public final double drift() {
        List<Anchor> terms = terms();
        return terms.isEmpty() ? 0 : terms.get(terms.size() - 1).distance();
    }

    @Override
    public final double addGradient(List<Parameter> parameters, List<Tensor> gradients) {
        return pull(parameters, gradients).norm();
    }

    @Override
    public final Pull pull(List<Parameter> parameters, List<Tensor> gradients) {
        double squares = 0;
        double sum = 0;
        for (Anchor term : terms()) {
            Pull pull = term.pull(parameters, gradients, 2 * lambda);
            squares += pull.norm() * pull.norm();
            sum += pull.value();
        }
        return new Pull(Math.sqrt(squares), lambda == 0 ? 0 : lambda * sum, drift());
    }

    @Override
    public final void afterStep(List<Parameter> parameters, double learningRate) {
        for (Anchor term : terms()) {
            term.move(parameters, 2 * lambda * learningRate, mode == Mode.PROXIMAL);
        }
    }

    @Override
    public final String warning(double learningRate) {
        if (mode != Mode.DECOUPLED) {
            return "";
        }
        double largest = 0;
        for (Anchor term : terms()) {
            largest = term.isEmpty() ? largest : Math.max(largest, term.largestWeight());
        }
        double step = 2 * lambda * learningRate * largest;
        return step > 1
                ? "%s moves a weight by %.3g times its distance in a step, which overshoots; take a smaller lambda or the mode PROXIMAL"
                        .formatted(getClass().getSimpleName(), step)
                : "";
    }

    @Override
    public StateDict save() {
        Map<String, Tensor> tensors = new LinkedHashMap<>();
        if (!terms().isEmpty()) {
            tensors.putAll(terms().get(0).anchors());
        }
        return new StateDict(tensors, Map.of());
    }

    @Override
    public void load(StateDict state) {
        loaded = true;
        terms().get(0).load(state.tensors());
    }

    final void markLoaded() {
        loaded = true;
    }

    /** Returns the settings that tell a penalty from another in a checkpoint. */
    String settings() {
        return excluded.isEmpty() ? "" : ", excluded=" + excluded;
    }

    /** Returns name and settings. */
    @Override
    public final String toString() {
        return getClass().getSimpleName()
                + "[lambda="
                + lambda
                + ", mode="
                + mode
                + settings()
                + "]";
    }

    /** Frees what it owns; importances that were given stay with the caller. */
    @Override
    public void close() {
        terms().forEach(Anchor::close);
    }
}
