package org.retain4j.regularization;

import org.retain4j.core.model.CausalLm;
import org.retain4j.core.nn.Parameter;
import org.retain4j.core.tensor.Kernels;
import org.retain4j.core.tensor.Scope;

/**
 * Averages the weights of the base and the tuned model after training: θ = (1 - α) θ_base + α
 * θ_tuned (WiSE-FT, Wortsman et al. 2022, arXiv:2109.01903).
 *
 * <p>Needs no old data and no training of its own. Costs one pass over the weights.
 *
 * @param alpha α, share of the tuned model, in [0, 1]
 */
public record WiseFt(double alpha) {

    /** Default share of the tuned model. */
    public static final double DEFAULT_ALPHA = 0.5;

    /**
     * Creates the average.
     *
     * @throws IllegalArgumentException if α is not in [0, 1]
     */
    public WiseFt {
        if (!(alpha >= 0 && alpha <= 1)) {
            throw new IllegalArgumentException("alpha must be in [0, 1], is " + alpha);
        }
    }

    /**
     * Moves the weights of the tuned model towards the base model, in place.
     *
     * @throws org.retain4j.core.tensor.TensorException if the models differ in shape
     */
    public void apply(CausalLm tuned, CausalLm base) {
        try (Scope scope = Scope.open()) {
            Kernels.call(
                    "list_lerp_",
                    Parameter.values(tuned.parameters()),
                    Parameter.values(base.parameters()),
                    1 - alpha);
        }
    }
}
