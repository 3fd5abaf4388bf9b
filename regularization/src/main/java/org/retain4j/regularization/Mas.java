package org.retain4j.regularization;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.retain4j.core.model.CausalLm;
import org.retain4j.core.nn.Parameter;
import org.retain4j.core.tensor.Kernels;
import org.retain4j.core.tensor.Scope;
import org.retain4j.core.tensor.Tensor;
import org.retain4j.finetune.BatchSource;
import org.retain4j.finetune.LogitChunk;
import org.retain4j.finetune.LossGradient;
import org.retain4j.finetune.Objective;
import org.retain4j.finetune.TrainRow;

/**
 * Memory aware synapses: the importance of a weight is how much the squared length of the scores
 * changes with it, the mean over sequences of |∂ mean_t ‖logits_t‖² / ∂θ| (Aljundi et al. 2018,
 * arXiv:1711.09601).
 *
 * <p>Needs no labels: only which positions count is read from the data. Use it as the importance of
 * {@link Ewc} or {@link OnlineEwc}, normalised, since scores over a large vocabulary are long.
 * Costs a forward and a backward pass a sequence.
 *
 * @param sequences number of sequences, 1 or more
 * @param convention {@link Convention#AVALANCHE} takes the absolute value of the mean gradient over
 *     all sequences in place of the mean of absolute values
 */
public record Mas(int sequences, Convention convention) implements ImportanceEstimator {

    private static final int LOSS_CHUNK = 256;

    /**
     * Creates an estimator.
     *
     * @throws IllegalArgumentException if the number of sequences is not positive
     */
    public Mas {
        if (sequences < 1) {
            throw new IllegalArgumentException("MAS needs at least one sequence, not " + sequences);
        }
    }

    /** Creates an estimator as the paper has it. */
    public Mas(int sequences) {
        this(sequences, Convention.PAPER);
    }

    @Override
    public Importance estimate(CausalLm model, BatchSource data) {
        List<Parameter> parameters = model.parameters();
        boolean ofMean = convention == Convention.AVALANCHE;
        LossGradient gradient =
                new LossGradient(
                        model, parameters, new SquaredScores(), List.of(), false, LOSS_CHUNK);
        parameters.forEach(parameter -> parameter.value().requiresGrad(true));
        try (Scope scope = Scope.open()) {
            List<Tensor> sum = Kernels.callForList("list_zeros_like", Parameter.values(parameters));
            for (int i = 0; i < sequences; i++) {
                try (Scope part = Scope.open()) {
                    TrainRow row = data.rows(i, 1).get(0);
                    List<Tensor> one = gradient.of(List.of(row), row.totalWeight()).gradients();
                    Kernels.call(ofMean ? "list_add_" : "list_add_abs_", sum, one, 1.0 / sequences);
                }
            }
            if (ofMean) {
                List<Tensor> absolute =
                        Kernels.callForList("list_zeros_like", Parameter.values(parameters));
                Kernels.call("list_add_abs_", absolute, sum, 1.0);
                sum = absolute;
            }
            Map<String, Tensor> byName = new LinkedHashMap<>();
            for (int i = 0; i < sum.size(); i++) {
                byName.put(parameters.get(i).name(), sum.get(i));
            }
            return new Importance(byName, sequences, Map.of("estimator", toString()));
        } finally {
            parameters.forEach(parameter -> parameter.value().requiresGrad(false));
        }
    }

    /** The squared length of the scores, summed with the weights of the positions. */
    private static final class SquaredScores implements Objective {
        @Override
        public Tensor accumulate(LogitChunk chunk) {
            return Kernels.call(
                    "squared_logits_into", chunk.logits(), chunk.gradient(), chunk.weights());
        }
    }
}
