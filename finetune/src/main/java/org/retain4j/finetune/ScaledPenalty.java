package org.retain4j.finetune;

import java.util.List;
import org.retain4j.core.nn.Parameter;
import org.retain4j.core.tensor.Kernels;
import org.retain4j.core.tensor.Tensor;

/**
 * A penalty whose strength a run may raise: everything that it adds is multiplied by a {@link
 * Strength}.
 *
 * <p>While the factor is 1 it is the penalty itself, bit for bit. Not safe for concurrent use.
 */
public final class ScaledPenalty implements Penalty {

    private final Penalty penalty;
    private final Strength strength;

    /** Creates the penalty; the strength is not saved with it, but by who raises it. */
    public ScaledPenalty(Penalty penalty, Strength strength) {
        this.penalty = penalty;
        this.strength = strength;
    }

    @Override
    public Mode mode() {
        return penalty.mode();
    }

    @Override
    public void start(List<Parameter> parameters) {
        penalty.start(parameters);
    }

    @Override
    public double value(List<Parameter> parameters) {
        return strength.factor() * penalty.value(parameters);
    }

    @Override
    public double drift() {
        return penalty.drift();
    }

    @Override
    public String warning(double learningRate) {
        return penalty.warning(learningRate);
    }

    @Override
    public void observeTaskGradient(List<Parameter> parameters, List<Tensor> gradients) {
        penalty.observeTaskGradient(parameters, gradients);
    }

    @Override
    public void observeUpdate(List<Parameter> parameters) {
        penalty.observeUpdate(parameters);
    }

    @Override
    public double addGradient(List<Parameter> parameters, List<Tensor> gradients) {
        double factor = strength.factor();
        if (factor == 1) {
            return penalty.addGradient(parameters, gradients);
        }
        // g + f·p as f·(g/f + p), which needs no second set of gradients
        Kernels.call("list_mul_scalar_", gradients, 1 / factor);
        double norm = penalty.addGradient(parameters, gradients);
        Kernels.call("list_mul_scalar_", gradients, factor);
        return factor * norm;
    }

    @Override
    public Pull pull(List<Parameter> parameters, List<Tensor> gradients) {
        double factor = strength.factor();
        if (factor != 1) {
            return Penalty.super.pull(parameters, gradients);
        }
        return penalty.pull(parameters, gradients);
    }

    @Override
    public void afterStep(List<Parameter> parameters, double learningRate) {
        // learning rate and strength enter as their product
        penalty.afterStep(parameters, strength.factor() * learningRate);
    }

    @Override
    public StateDict save() {
        return penalty.save();
    }

    @Override
    public void load(StateDict state) {
        penalty.load(state);
    }

    /** Returns what the penalty says, so that a checkpoint fits with and without this. */
    @Override
    public String toString() {
        return penalty.toString();
    }
}
