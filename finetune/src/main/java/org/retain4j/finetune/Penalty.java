package org.retain4j.finetune;

import java.util.List;
import org.retain4j.core.nn.Parameter;
import org.retain4j.core.tensor.Tensor;

/**
 * A term that ties parameters to values they had before.
 *
 * <p>Lists of parameters and gradients have the same order. All calls come from the training
 * thread.
 */
public interface Penalty extends Stateful {

    /** How a penalty enters the step. */
    enum Mode {
        /** Its gradient joins the loss's before clipping. */
        GRADIENT,
        /** It moves the parameters after the optimizer step, by lr times its gradient. */
        DECOUPLED,
        /** It moves the parameters after the optimizer step, stable for any strength. */
        PROXIMAL
    }

    /** Returns how this penalty enters the step. */
    Mode mode();

    /** Takes what it needs of the parameters before the first step, such as an anchor. */
    void start(List<Parameter> parameters);

    /** Returns the value of the penalty now. */
    double value(List<Parameter> parameters);

    /** Sees the gradient of the task loss of a step, before anything is added to it. */
    default void observeTaskGradient(List<Parameter> parameters, List<Tensor> gradients) {}

    /**
     * Adds the gradient; called in mode {@link Mode#GRADIENT}.
     *
     * @return Euclidean norm of what was added
     */
    double addGradient(List<Parameter> parameters, List<Tensor> gradients);

    /** Moves the parameters after the optimizer step; called in the other modes. */
    void afterStep(List<Parameter> parameters, double learningRate);
}
