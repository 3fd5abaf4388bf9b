package org.retain4j.cli.train;

import java.util.List;
import java.util.function.DoubleSupplier;
import org.retain4j.core.nn.Parameter;
import org.retain4j.core.tensor.Tensor;
import org.retain4j.finetune.Penalty;
import org.retain4j.lora.MergedAnchor;
import org.retain4j.lora.OLora;

/**
 * A penalty of a run that trains an adapter, on the adapter as a whole: L2-SP and EWC of the
 * product of its matrices, or O-LoRA.
 *
 * @param name what the penalty is, for checkpoints
 * @param amount its value
 * @param gradient adds its gradient
 */
record AdapterPenalty(String name, DoubleSupplier amount, Gradient gradient) implements Penalty {

    /** Adds a gradient and returns its Euclidean norm. */
    @FunctionalInterface
    interface Gradient {
        double add(List<Parameter> parameters, List<Tensor> gradients);
    }

    static AdapterPenalty of(String name, MergedAnchor anchor) {
        return new AdapterPenalty(name, anchor::value, anchor::addGradient);
    }

    static AdapterPenalty of(String name, OLora penalty) {
        return new AdapterPenalty(name, penalty::value, penalty::addGradient);
    }

    @Override
    public Mode mode() {
        return Mode.GRADIENT;
    }

    @Override
    public void start(List<Parameter> parameters) {
        // what it is measured against stays as it is: the base, or adapters of earlier tasks
    }

    @Override
    public double value(List<Parameter> parameters) {
        return amount.getAsDouble();
    }

    @Override
    public double addGradient(List<Parameter> parameters, List<Tensor> gradients) {
        return gradient.add(parameters, gradients);
    }

    @Override
    public void afterStep(List<Parameter> parameters, double learningRate) {
        throw new IllegalStateException("this penalty has the mode GRADIENT alone");
    }

    /** Returns name and settings. */
    @Override
    public String toString() {
        return name;
    }
}
