package org.retain4j.finetune;

import java.util.List;
import org.retain4j.core.nn.Parameter;
import org.retain4j.core.tensor.Tensor;

/** Takes out of the gradient what would undo earlier learning. */
public interface GradientProjection extends Stateful {

    /** Changes the gradients in place, before they are clipped. */
    void project(List<Parameter> parameters, List<Tensor> gradients);

    /**
     * Returns whether {@link #projectUpdate} has work to do; if so the trainer keeps a copy of the
     * parameters over the optimizer step.
     */
    default boolean projectsUpdates() {
        return false;
    }

    /**
     * Changes the parameters in place after the optimizer step, for optimizers whose step leaves
     * the subspace of the gradient.
     *
     * @param before values of the parameters before the step
     */
    default void projectUpdate(List<Parameter> parameters, List<Tensor> before) {}
}
