package org.retain4j.finetune;

import java.util.Map;
import org.retain4j.core.model.CausalLm;

/**
 * Measures the model between steps, for example its loss on text it must not forget.
 *
 * <p>Called from the training thread; must not change the model. Results must be a function of the
 * model and the saved state, or a resumed run differs from one that was never interrupted.
 */
public interface Evaluation extends Stateful {

    /** Sees the model before the first step of a run that is not resumed. */
    default void start(CausalLm model) {}

    /**
     * Measures.
     *
     * @param step number of the step just done, from 1
     * @return numbers by name; names of several evaluations must differ
     */
    Map<String, Double> evaluate(CausalLm model, long step);
}
