package org.retain4j.finetune;

import java.util.List;
import org.retain4j.core.nn.Parameter;
import org.retain4j.core.tensor.Tensor;
import org.retain4j.finetune.optim.Optimizer;

/** Changes how an optimizer steps, for example with a second gradient at another point. */
public interface OptimizerWrapper {

    /**
     * Returns the changed optimizer.
     *
     * @param inner the optimizer to wrap
     * @param parameters the trained parameters, in the order of the gradients
     * @param gradients computes the gradients of the current step anew, at the current weights: of
     *     the task with penalties, projected and clipped, as the first ones were
     */
    Optimizer wrap(Optimizer inner, List<Parameter> parameters, Gradients gradients);

    /**
     * Returns whether it asks for a second gradient; a run has one wrapper of that kind at most.
     */
    default boolean takesSecondGradient() {
        return false;
    }

    /** Computes gradients at the current weights. */
    interface Gradients {
        /** Returns one gradient a trained parameter, in the caller's scope. */
        List<Tensor> compute();
    }
}
