package org.retain4j.finetune.optim;

import java.util.List;
import org.retain4j.core.nn.Parameter;

/**
 * Makes an optimizer for given parameters.
 *
 * <p>Implement it as a record: a resumed run compares what it prints with what it printed before.
 */
public interface OptimizerFactory {

    /** Creates an optimizer with fresh state. */
    Optimizer create(List<Parameter> parameters);

    /**
     * Returns the same settings with another weight decay, for groups of parameters.
     *
     * @throws UnsupportedOperationException if this optimizer has no weight decay
     */
    default OptimizerFactory withWeightDecay(double value) {
        throw new UnsupportedOperationException(this + " has no weight_decay to change");
    }

    /** Returns peak learning rates with which this optimizer is usually run. */
    default LearningRateRange usualLearningRates() {
        return new LearningRateRange(1e-7, 1e-2);
    }
}
