package org.retain4j.regularization.projection;

import java.util.List;
import org.retain4j.core.model.CausalLm;
import org.retain4j.core.nn.Parameter;
import org.retain4j.core.tensor.Tensor;
import org.retain4j.finetune.CrossEntropy;
import org.retain4j.finetune.LossGradient;
import org.retain4j.finetune.Objective;
import org.retain4j.finetune.TrainRow;

/**
 * The gradient of a loss on some rows, at the weights that a model has now.
 *
 * @param model the trained model
 * @param objective the loss
 */
record MemoryGradient(CausalLm model, Objective objective) {

    private static final int LOSS_CHUNK = 256;

    MemoryGradient(CausalLm model) {
        this(model, new CrossEntropy());
    }

    /** Returns the gradient of the mean over counted tokens, in the caller's scope. */
    List<Tensor> of(List<TrainRow> rows, List<Parameter> parameters) {
        double counted = rows.stream().mapToDouble(TrainRow::totalWeight).sum();
        return new LossGradient(model, parameters, objective, List.of(), false, LOSS_CHUNK)
                .of(rows, counted)
                .gradients();
    }
}
