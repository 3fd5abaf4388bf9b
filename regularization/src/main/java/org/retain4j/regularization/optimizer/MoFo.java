package org.retain4j.regularization.optimizer;

import java.util.List;
import java.util.Map;
import org.retain4j.core.nn.Parameter;
import org.retain4j.core.tensor.Kernels;
import org.retain4j.core.tensor.Scope;
import org.retain4j.core.tensor.Tensor;
import org.retain4j.finetune.OptimizerWrapper;
import org.retain4j.finetune.TrainingException;
import org.retain4j.finetune.optim.Optimizer;

/**
 * Momentum-filtered optimization: of every matrix only the share of entries with the largest
 * momenta moves in a step, so that the weights stay nearer to where they were (Chen et al. 2024,
 * arXiv:2407.20999).
 *
 * <p>Moments go on for all entries; norms and biases move freely; ties move. Weight decay moves
 * only what is kept, unlike the paper's code. Needs AdamW, whose first moments it reads. Costs a
 * copy of the parameters and a selection over every matrix a step.
 *
 * @param share share of the entries that move, in (0, 1]
 */
public record MoFo(double share) implements OptimizerWrapper {

    /** Default share. */
    public static final double DEFAULT_SHARE = 0.15;

    private static final String MOMENT = ".exp_avg";

    /**
     * Creates the method.
     *
     * @throws IllegalArgumentException if the share is not in (0, 1]
     */
    public MoFo {
        if (!(share > 0 && share <= 1)) {
            throw new IllegalArgumentException("the share must be in (0, 1], is " + share);
        }
    }

    @Override
    public Optimizer wrap(Optimizer inner, List<Parameter> parameters, Gradients gradients) {
        for (Parameter parameter : parameters) {
            if (!inner.save().tensors().containsKey(parameter.name() + MOMENT)) {
                throw new TrainingException(
                        this + " reads the first moments of AdamW, which this optimizer has not");
            }
        }
        return new Sam.Wrapped(inner) {
            @Override
            public void step(List<Tensor> first, double learningRate) {
                try (Scope filtering = Scope.open()) {
                    List<Tensor> values = Parameter.values(parameters);
                    List<Tensor> before = Kernels.callForList("list_clone", values);
                    inner.step(first, learningRate);
                    Map<String, Tensor> state = inner.save().tensors();
                    for (int i = 0; i < values.size(); i++) {
                        Tensor value = values.get(i);
                        Tensor moment = state.get(parameters.get(i).name() + MOMENT);
                        if (value.shape().length < 2 || moment == null) {
                            continue;
                        }
                        int keep = (int) Math.max(1, Math.floor(share * value.elements()));
                        Kernels.call("momentum_filter_", value, before.get(i), moment, keep);
                    }
                }
            }
        };
    }
}
