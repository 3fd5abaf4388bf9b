package org.retain4j.finetune.optim;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.retain4j.core.nn.Parameter;
import org.retain4j.core.tensor.Kernels;
import org.retain4j.core.tensor.Scope;
import org.retain4j.core.tensor.Tensor;
import org.retain4j.finetune.StateDict;

/**
 * Stochastic gradient descent with momentum, as PyTorch's SGD: g ← g + wd·θ; b ← μ·b + g (the first
 * b is g itself); θ ← θ - lr·b.
 *
 * <p>Costs one float32 copy of the parameters when there is momentum. Not safe for concurrent use.
 */
public final class Sgd implements Optimizer {

    /**
     * Settings.
     *
     * @param momentum μ, in [0, 1)
     * @param weightDecay {@code weight_decay}; norms and biases do not decay
     */
    public record Options(double momentum, double weightDecay) implements OptimizerFactory {

        /**
         * Creates settings.
         *
         * @throws IllegalArgumentException if a value is out of range
         */
        public Options {
            if (!(momentum >= 0 && momentum < 1) || !(weightDecay >= 0)) {
                throw new IllegalArgumentException(
                        "momentum must be in [0, 1) and weight_decay 0 or more, are "
                                + momentum
                                + " and "
                                + weightDecay);
            }
        }

        @Override
        public Options withWeightDecay(double value) {
            return new Options(momentum, value);
        }

        @Override
        public LearningRateRange usualLearningRates() {
            return new LearningRateRange(1e-5, 10);
        }

        @Override
        public Sgd create(List<Parameter> parameters) {
            return new Sgd(parameters, this);
        }
    }

    private final Options options;
    private final Scope scope = Scope.unbound();
    private final List<Parameter> parameters;
    private final List<Tensor> momenta = new ArrayList<>();
    private final List<Integer> decayed = new ArrayList<>();
    private final List<Integer> others = new ArrayList<>();
    private long steps;

    /** Creates an optimizer without momentum so far. */
    public Sgd(List<Parameter> parameters, Options options) {
        this.parameters = List.copyOf(parameters);
        this.options = options;
        try (Scope creating = Scope.open()) {
            for (int i = 0; i < parameters.size(); i++) {
                Tensor value = parameters.get(i).value().detach();
                if (options.momentum() > 0) {
                    momenta.add(scope.adopt(Tensor.zerosLike(value)));
                }
                (value.shape().length >= 2 ? decayed : others).add(i);
            }
        }
    }

    @Override
    public void step(List<Tensor> gradients, double learningRate) {
        update(decayed, gradients, learningRate, options.weightDecay());
        update(others, gradients, learningRate, 0);
        steps++;
    }

    private void update(
            List<Integer> group, List<Tensor> gradients, double learningRate, double weightDecay) {
        if (group.isEmpty()) {
            return;
        }
        List<Tensor> weights = Parameter.values(parameters);
        Kernels.call(
                        "sgd_",
                        group.stream().map(weights::get).toList(),
                        group.stream().map(gradients::get).toList(),
                        momenta.isEmpty() ? List.of() : group.stream().map(momenta::get).toList(),
                        learningRate,
                        options.momentum(),
                        weightDecay,
                        steps == 0)
                .close();
    }

    @Override
    public StateDict save() {
        Map<String, Tensor> tensors = new LinkedHashMap<>();
        for (int i = 0; i < momenta.size(); i++) {
            tensors.put(parameters.get(i).name() + ".momentum_buffer", momenta.get(i));
        }
        return new StateDict(tensors, Map.of("steps", steps));
    }

    @Override
    public void load(StateDict state) {
        try (Scope loading = Scope.open()) {
            for (int i = 0; i < momenta.size(); i++) {
                momenta.get(i)
                        .copyInPlace(state.tensor(parameters.get(i).name() + ".momentum_buffer"));
            }
        }
        steps = state.number("steps");
    }

    @Override
    public void close() {
        scope.close();
    }
}
