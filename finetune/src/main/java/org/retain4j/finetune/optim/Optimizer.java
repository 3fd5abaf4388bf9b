package org.retain4j.finetune.optim;

import java.util.List;
import org.retain4j.core.tensor.Tensor;
import org.retain4j.finetune.Stateful;

/** Moves parameters along their gradients; owns its state, which {@link #close} frees. */
public interface Optimizer extends Stateful, AutoCloseable {

    /**
     * Does one step.
     *
     * @param gradients one gradient a parameter, in the order in which the optimizer was given the
     *     parameters; may be changed
     * @param learningRate learning rate of this step
     */
    void step(List<Tensor> gradients, double learningRate);

    /** Frees the state. */
    @Override
    void close();
}
