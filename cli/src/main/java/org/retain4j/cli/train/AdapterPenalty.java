package org.retain4j.cli.train;

import java.util.List;
import org.retain4j.core.nn.Parameter;
import org.retain4j.core.tensor.Tensor;
import org.retain4j.finetune.Penalty;
import org.retain4j.lora.MergedAnchor;

/**
 * L2-SP or EWC of a run that trains an adapter: the anchor is the product of its matrices.
 *
 * @param name what the penalty is, for checkpoints
 * @param anchor the penalty
 */
record AdapterPenalty(String name, MergedAnchor anchor) implements Penalty {

    @Override
    public Mode mode() {
        return Mode.GRADIENT;
    }

    @Override
    public void start(List<Parameter> parameters) {
        // the anchor is the base, which the adapter leaves as it is
    }

    @Override
    public double value(List<Parameter> parameters) {
        return anchor.value();
    }

    @Override
    public double addGradient(List<Parameter> parameters, List<Tensor> gradients) {
        return anchor.addGradient(parameters, gradients);
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
