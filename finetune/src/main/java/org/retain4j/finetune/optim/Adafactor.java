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
 * Adafactor, Adam whose second moments are kept as row and column means (Shazeer and Stern 2018,
 * arXiv:1804.04235), without momentum.
 *
 * <p>β₂ = 1 - t^decayRate; for a matrix r ← β₂·r + (1-β₂)·rowmean(g²+ε₁), c likewise by columns, u
 * = g / √(r·c / mean(r)); then u ← u / max(1, RMS(u)/clip) and θ ← θ - lr·wd·θ - lr·u. Costs one
 * number a row and a column instead of two a weight. Not safe for concurrent use.
 */
public final class Adafactor implements Optimizer {

    /**
     * Settings under their Hugging Face names.
     *
     * @param eps ε₁ ({@code eps[0]})
     * @param scaleEps smallest size of a parameter that {@code scale_parameter} assumes ({@code
     *     eps[1]})
     * @param clipThreshold largest root mean square of an update ({@code clip_threshold})
     * @param decayRate power of t, negative ({@code decay_rate})
     * @param weightDecay {@code weight_decay}; norms and biases do not decay
     * @param scaleParameter whether the learning rate is relative to the size of each parameter
     *     ({@code scale_parameter})
     * @param relativeStep whether the learning rate of step t is the schedule's share of min(0.01,
     *     1/√t) instead of the share of {@code learning_rate}; {@code learning_rate} must then be 1
     *     ({@code relative_step})
     */
    public record Options(
            double eps,
            double scaleEps,
            double clipThreshold,
            double decayRate,
            double weightDecay,
            boolean scaleParameter,
            boolean relativeStep)
            implements OptimizerFactory {

        /**
         * Creates settings.
         *
         * @throws IllegalArgumentException if a value is out of range
         */
        public Options {
            if (!(eps > 0 && scaleEps > 0 && clipThreshold > 0)) {
                throw new IllegalArgumentException(
                        "eps and clip_threshold must be positive, are "
                                + eps
                                + ", "
                                + scaleEps
                                + " and "
                                + clipThreshold);
            }
            if (!(decayRate < 0) || !(weightDecay >= 0)) {
                throw new IllegalArgumentException(
                        "decay_rate must be negative and weight_decay 0 or more, are "
                                + decayRate
                                + " and "
                                + weightDecay);
            }
        }

        /** Returns what the trainer of transformers sets: no relative step, no scaling. */
        public static Options defaults() {
            return new Options(1e-30, 1e-3, 1, -0.8, 0, false, false);
        }

        @Override
        public Adafactor create(List<Parameter> parameters) {
            return new Adafactor(parameters, this);
        }

        @Override
        public Options withWeightDecay(double value) {
            return new Options(
                    eps, scaleEps, clipThreshold, decayRate, value, scaleParameter, relativeStep);
        }
    }

    private final Options options;
    private final Scope scope = Scope.unbound();
    private final List<Parameter> parameters;
    private final List<Tensor> rows = new ArrayList<>();
    private final List<Tensor> columns = new ArrayList<>();
    private final List<Integer> decayed = new ArrayList<>();
    private final List<Integer> others = new ArrayList<>();
    private long steps;

    /** Creates an optimizer with zero moments. */
    public Adafactor(List<Parameter> parameters, Options options) {
        this.parameters = List.copyOf(parameters);
        this.options = options;
        try (Scope creating = Scope.open()) {
            for (int i = 0; i < parameters.size(); i++) {
                Tensor value = parameters.get(i).value().detach();
                boolean matrix = value.shape().length >= 2;
                Tensor zeros = Tensor.zerosLike(value);
                rows.add(scope.adopt(matrix ? zeros.select(-1, 0).copy() : zeros));
                columns.add(
                        scope.adopt(
                                matrix
                                        ? zeros.select(-2, 0).copy()
                                        : Tensor.zeros(DType.FLOAT32, value.device())));
                (matrix ? decayed : others).add(i);
            }
        } catch (RuntimeException | Error e) {
            scope.close();
            throw e;
        }
    }

    @Override
    public void step(List<Tensor> gradients, double learningRate) {
        steps++;
        double rate =
                options.relativeStep()
                        ? learningRate * Math.min(1e-2, 1 / Math.sqrt(steps))
                        : learningRate;
        update(decayed, gradients, rate, options.weightDecay());
        update(others, gradients, rate, 0);
    }

    private void update(List<Integer> group, List<Tensor> gradients, double rate, double decay) {
        if (group.isEmpty()) {
            return;
        }
        Kernels.call(
                        "adafactor_",
                        pick(group, Parameter.values(parameters)),
                        pick(group, gradients),
                        pick(group, rows),
                        pick(group, columns),
                        1 - Math.pow(steps, options.decayRate()),
                        rate,
                        options.eps(),
                        options.scaleEps(),
                        options.clipThreshold(),
                        options.scaleParameter(),
                        decay)
                .close();
    }

    private static List<Tensor> pick(List<Integer> group, List<Tensor> from) {
        return group.stream().map(from::get).toList();
    }

    @Override
    public StateDict save() {
        Map<String, Tensor> tensors = new LinkedHashMap<>();
        for (int i : decayed) {
            tensors.put(parameters.get(i).name() + ".exp_avg_sq_row", rows.get(i));
            tensors.put(parameters.get(i).name() + ".exp_avg_sq_col", columns.get(i));
        }
        for (int i : others) {
            tensors.put(parameters.get(i).name() + ".exp_avg_sq", rows.get(i));
        }
        return new StateDict(tensors, Map.of("steps", steps));
    }

    @Override
    public void load(StateDict state) {
        try (Scope loading = Scope.open()) {
            save().tensors().forEach((name, own) -> own.copyInPlace(state.tensor(name)));
        }
        steps = state.number("steps");
    }

    @Override
    public void close() {
        scope.close();
    }
}
