package org.retain4j.regularization;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.retain4j.core.model.CausalLm;
import org.retain4j.core.model.TokenBatch;
import org.retain4j.core.nn.Parameter;
import org.retain4j.core.tensor.Kernels;
import org.retain4j.core.tensor.Random;
import org.retain4j.core.tensor.Scope;
import org.retain4j.core.tensor.Tensor;
import org.retain4j.finetune.BatchSource;
import org.retain4j.finetune.CrossEntropy;
import org.retain4j.finetune.LossGradient;
import org.retain4j.finetune.TrainRow;

/**
 * Diagonal of the Fisher information, F = mean over sequences of (∂ Σ log p(token) / ∂θ)², one
 * sequence at a time (Kirkpatrick et al. 2017, arXiv:1612.00796; Kunstner et al. 2019,
 * arXiv:1905.12558, on the labels).
 *
 * <p>The square is that of a single sequence's gradient, never of a mini-batch mean, so the result
 * does not depend on a batch size. Costs a forward and a backward pass a sequence.
 *
 * @param labels which tokens the gradient is of
 * @param sequences number of sequences, 1 or more
 * @param seed seed of the drawn labels
 */
public record Fisher(Labels labels, int sequences, long seed) {

    /** Which tokens the gradient is of. */
    public enum Labels {
        /** Drawn from the model's own distribution at each position: the Fisher information. */
        SAMPLED,
        /** Those of the data: the empirical Fisher, small where the model already fits. */
        EMPIRICAL
    }

    private static final int LOSS_CHUNK = 256;

    /**
     * Creates an estimator.
     *
     * @throws IllegalArgumentException if the number of sequences is not positive
     */
    public Fisher {
        if (sequences < 1) {
            throw new IllegalArgumentException(
                    "a Fisher estimate needs at least one sequence, not " + sequences);
        }
    }

    /** Returns an estimator of 64 sequences with sampled labels. */
    public static Fisher defaults() {
        return new Fisher(Labels.SAMPLED, 64, 0);
    }

    /**
     * Estimates the importance of all parameters for data that the model knows.
     *
     * @param data source of the sequences; rows 0, 1, … are used
     */
    public Importance estimate(CausalLm model, BatchSource data) {
        List<Parameter> parameters = model.parameters();
        LossGradient gradient =
                new LossGradient(
                        model, parameters, new CrossEntropy(), List.of(), false, LOSS_CHUNK);
        parameters.forEach(parameter -> parameter.value().requiresGrad(true));
        try (Scope scope = Scope.open()) {
            List<Tensor> sum = Kernels.callForList("list_zeros_like", Parameter.values(parameters));
            for (int i = 0; i < sequences; i++) {
                try (Scope part = Scope.open()) {
                    TrainRow row = data.rows(i, 1).get(0);
                    Kernels.call("list_add_square_", sum, gradients(model, gradient, row, i));
                }
            }
            Kernels.call("list_mul_scalar_", sum, 1.0 / sequences);
            Map<String, Tensor> byName = new LinkedHashMap<>();
            for (int i = 0; i < sum.size(); i++) {
                byName.put(parameters.get(i).name(), sum.get(i));
            }
            return new Importance(byName);
        } finally {
            parameters.forEach(parameter -> parameter.value().requiresGrad(false));
        }
    }

    private List<Tensor> gradients(CausalLm model, LossGradient gradient, TrainRow row, int index) {
        if (labels == Labels.EMPIRICAL) {
            return gradient.of(List.of(row), 1).gradients();
        }
        TokenBatch batch = TokenBatch.of(row.ids());
        long[] targets = model.sampleNext(batch, Random.at(seed, index, "fisher-labels"));
        float[] weights = new float[targets.length];
        for (int t = 0; t < targets.length; t++) {
            boolean counted = t + 1 < targets.length && row.weights()[t + 1] > 0;
            weights[t] = counted ? row.weights()[t + 1] : 0;
            targets[t] = counted ? targets[t] : -100;
        }
        return gradient.of(batch, targets, weights).gradients();
    }
}
