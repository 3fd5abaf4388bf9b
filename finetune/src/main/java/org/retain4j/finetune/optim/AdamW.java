package org.retain4j.finetune.optim;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.retain4j.core.nn.Parameter;
import org.retain4j.core.tensor.DType;
import org.retain4j.core.tensor.Kernels;
import org.retain4j.core.tensor.Scope;
import org.retain4j.core.tensor.Tensor;
import org.retain4j.finetune.StateDict;

/**
 * Adam with decoupled weight decay (Loshchilov and Hutter 2019, arXiv:1711.05101), PyTorch's fused
 * kernel over all parameters at once.
 *
 * <p>θ ← θ - lr·wd·θ, then θ ← θ - lr·m̂/(√v̂ + ε). Costs two float32 copies of the parameters. Not
 * safe for concurrent use.
 */
public final class AdamW implements Optimizer {

    /**
     * Settings under their Hugging Face names.
     *
     * @param beta1 {@code adam_beta1}
     * @param beta2 {@code adam_beta2}
     * @param epsilon {@code adam_epsilon}
     * @param weightDecay {@code weight_decay}
     * @param decayAll whether norms and biases (fewer than two dimensions) decay too
     */
    public record Options(
            double beta1, double beta2, double epsilon, double weightDecay, boolean decayAll)
            implements OptimizerFactory {

        /**
         * Creates settings.
         *
         * @throws IllegalArgumentException if a value is out of range
         */
        public Options {
            if (!(beta1 >= 0 && beta1 < 1) || !(beta2 >= 0 && beta2 < 1)) {
                throw new IllegalArgumentException(
                        "adam_beta1 and adam_beta2 must be in [0, 1), are "
                                + beta1
                                + " and "
                                + beta2);
            }
            if (!(epsilon > 0) || !(weightDecay >= 0)) {
                throw new IllegalArgumentException(
                        "adam_epsilon must be positive and weight_decay 0 or more, are "
                                + epsilon
                                + " and "
                                + weightDecay);
            }
        }

        /** Returns the defaults of transformers: betas 0.9 and 0.999, ε 1e-8, no weight decay. */
        public static Options defaults() {
            return new Options(0.9, 0.999, 1e-8, 0, false);
        }

        @Override
        public Options withWeightDecay(double value) {
            return new Options(beta1, beta2, epsilon, value, decayAll);
        }

        @Override
        public AdamW create(List<Parameter> parameters) {
            return new AdamW(parameters, this);
        }
    }

    private final Options options;
    private final Scope scope = Scope.unbound();
    private final List<Parameter> parameters;
    private final List<Tensor> firstMoments = new ArrayList<>();
    private final List<Tensor> secondMoments = new ArrayList<>();
    private final List<Tensor> steps = new ArrayList<>();
    private final List<Integer> decayed = new ArrayList<>();
    private final List<Integer> others = new ArrayList<>();

    /** Creates an optimizer with zero moments. */
    public AdamW(List<Parameter> parameters, Options options) {
        this.parameters = List.copyOf(parameters);
        this.options = options;
        try (Scope creating = Scope.open()) {
            for (int i = 0; i < parameters.size(); i++) {
                Tensor value = parameters.get(i).value().detach();
                firstMoments.add(scope.adopt(Tensor.zerosLike(value)));
                secondMoments.add(scope.adopt(Tensor.zerosLike(value)));
                steps.add(scope.adopt(Tensor.zeros(DType.FLOAT32, value.device())));
                boolean matrix = value.shape().length >= 2;
                (matrix || options.decayAll() ? decayed : others).add(i);
            }
        }
    }

    @Override
    public void step(List<Tensor> gradients, double learningRate) {
        update(decayed, gradients, learningRate, options.weightDecay());
        update(others, gradients, learningRate, 0);
    }

    private void update(
            List<Integer> group, List<Tensor> gradients, double learningRate, double weightDecay) {
        if (group.isEmpty()) {
            return;
        }
        Kernels.call(
                        "adamw_",
                        pick(group, Parameter.values(parameters)),
                        pick(group, gradients),
                        pick(group, firstMoments),
                        pick(group, secondMoments),
                        pick(group, steps),
                        learningRate,
                        options.beta1(),
                        options.beta2(),
                        options.epsilon(),
                        weightDecay)
                .close();
    }

    private static List<Tensor> pick(List<Integer> group, List<Tensor> from) {
        return group.stream().map(from::get).toList();
    }

    @Override
    public StateDict save() {
        Map<String, Tensor> tensors = new LinkedHashMap<>();
        for (int i = 0; i < parameters.size(); i++) {
            String name = parameters.get(i).name();
            tensors.put(name + ".exp_avg", firstMoments.get(i));
            tensors.put(name + ".exp_avg_sq", secondMoments.get(i));
            tensors.put(name + ".step", steps.get(i));
        }
        return new StateDict(tensors, Map.of());
    }

    @Override
    public void load(StateDict state) {
        try (Scope loading = Scope.open()) {
            for (int i = 0; i < parameters.size(); i++) {
                String name = parameters.get(i).name();
                firstMoments.get(i).copyInPlace(state.tensor(name + ".exp_avg"));
                secondMoments.get(i).copyInPlace(state.tensor(name + ".exp_avg_sq"));
                steps.get(i).copyInPlace(state.tensor(name + ".step"));
            }
        }
    }

    @Override
    public void close() {
        scope.close();
    }
}
