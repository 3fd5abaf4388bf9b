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
        /**
         * Part of the loss: counted in it, and its gradient is there before anything sees the
         * gradient of the task.
         */
        LOSS,
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

    /**
     * Returns how far the parameters were from their anchor when the value was last asked for, the
     * Euclidean norm; 0 when there is no such thing.
     */
    default double drift() {
        return 0;
    }

    /**
     * Returns what may go wrong in a run with a peak learning rate, in one sentence, or nothing;
     * asked for once, after the start.
     */
    default String warning(double learningRate) {
        return "";
    }

    /** Sees the gradient of the task loss of a step, before anything is added to it. */
    default void observeTaskGradient(List<Parameter> parameters, List<Tensor> gradients) {}

    /** Sees the parameters at the end of a step, after all that moves them. */
    default void observeUpdate(List<Parameter> parameters) {}

    /**
     * Adds the gradient; called in the modes {@link Mode#LOSS} and {@link Mode#GRADIENT}.
     *
     * @return Euclidean norm of what was added
     */
    double addGradient(List<Parameter> parameters, List<Tensor> gradients);

    /**
     * What a penalty did to a gradient.
     *
     * @param norm Euclidean norm of what was added
     * @param value value of the penalty
     * @param drift how far the parameters are from their anchor, see {@link #drift()}
     */
    record Pull(double norm, double value, double drift) {}

    /**
     * Adds the gradient and returns what a step reports; the trainer calls this. To be overridden
     * where one pass over the parameters gives all three.
     */
    default Pull pull(List<Parameter> parameters, List<Tensor> gradients) {
        double norm = addGradient(parameters, gradients);
        double value = value(parameters);
        return new Pull(norm, value, drift());
    }

    /** Moves the parameters after the optimizer step; called in the other modes. */
    void afterStep(List<Parameter> parameters, double learningRate);
}
