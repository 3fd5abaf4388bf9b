package org.retain4j.regularization.optimizer;

import java.util.List;
import org.retain4j.core.nn.Parameter;
import org.retain4j.core.tensor.Kernels;
import org.retain4j.core.tensor.Scope;
import org.retain4j.core.tensor.Tensor;
import org.retain4j.finetune.OptimizerWrapper;
import org.retain4j.finetune.StateDict;
import org.retain4j.finetune.optim.Optimizer;

/**
 * Sharpness-aware minimization: steps with the gradient at the worst point near by, θ + ρ g/‖g‖, so
 * that flat minima are found, which later training disturbs less (Foret et al. 2021,
 * arXiv:2010.01412); adaptive, with the neighbourhood in units of each weight, θ + ρ T² g/‖T g‖, T
 * = |θ| + 0.01 (ASAM, Kwon et al. 2021, arXiv:2102.11600).
 *
 * <p>The weights come back to the same bits before the step. Costs a second forward and backward
 * pass and a copy of the parameters.
 *
 * @param rho ρ, positive; 0.05 is usual, 0.5 when adaptive
 * @param adaptive whether the neighbourhood is in units of each weight
 */
public record Sam(double rho, boolean adaptive) implements OptimizerWrapper {

    /** Default radius. */
    public static final double DEFAULT_RHO = 0.05;

    private static final double ETA = 0.01;

    /**
     * Creates the method.
     *
     * @throws IllegalArgumentException if ρ is not positive
     */
    public Sam {
        if (!(rho > 0) || Double.isInfinite(rho)) {
            throw new IllegalArgumentException("rho must be positive, is " + rho);
        }
    }

    /** Creates the method with an absolute neighbourhood. */
    public Sam(double rho) {
        this(rho, false);
    }

    @Override
    public boolean takesSecondGradient() {
        return true;
    }

    @Override
    public Optimizer wrap(Optimizer inner, List<Parameter> parameters, Gradients gradients) {
        return new Wrapped(inner) {
            @Override
            public void step(List<Tensor> first, double learningRate) {
                try (Scope moving = Scope.open()) {
                    List<Tensor> values = Parameter.values(parameters);
                    List<Tensor> before = Kernels.callForList("list_clone", values);
                    List<Tensor> second;
                    Kernels.call("sharpness_step_", values, first, rho, adaptive, ETA);
                    try {
                        second = gradients.compute();
                    } finally {
                        Kernels.call("list_copy_", values, before);
                    }
                    inner.step(second, learningRate);
                }
            }
        };
    }

    /** An optimizer that keeps its state in another. */
    abstract static class Wrapped implements Optimizer {
        private final Optimizer inner;

        Wrapped(Optimizer inner) {
            this.inner = inner;
        }

        @Override
        public StateDict save() {
            return inner.save();
        }

        @Override
        public void load(StateDict state) {
            inner.load(state);
        }

        @Override
        public void close() {
            inner.close();
        }
    }
}
