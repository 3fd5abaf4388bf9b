package org.retain4j.finetune;

import java.util.ArrayList;
import java.util.List;
import org.retain4j.core.model.CausalLm;
import org.retain4j.core.model.TokenBatch;
import org.retain4j.core.model.TrainingPass;
import org.retain4j.core.nn.Parameter;
import org.retain4j.core.tensor.Scope;
import org.retain4j.core.tensor.Tensor;

/**
 * Loss and gradients of one batch: forward, losses on the scores, backward.
 *
 * <p>What a training step, a Fisher estimate and a gradient of old data have in common. Reads the
 * model only; used by one thread at a time.
 */
public final class LossGradient {

    private final CausalLm model;
    private final List<Parameter> parameters;
    private final List<Distillation> distillations;
    private final LossHead head;
    private final boolean checkpointing;
    private final int headIndex;

    /**
     * Prepares gradients of a model.
     *
     * @param parameters parameters whose gradients are wanted; each must require gradients
     * @param lossChunk positions whose scores are held at once
     */
    public LossGradient(
            CausalLm model,
            List<Parameter> parameters,
            Objective objective,
            List<Distillation> distillations,
            boolean gradientCheckpointing,
            int lossChunk) {
        this.model = model;
        this.parameters = List.copyOf(parameters);
        this.distillations = List.copyOf(distillations);
        this.head = new LossHead(objective, this.distillations, lossChunk);
        this.checkpointing = gradientCheckpointing;
        this.headIndex = this.parameters.indexOf(model.headWeight());
    }

    /**
     * Losses and gradients.
     *
     * @param loss task loss, weighted and summed, in nats
     * @param distillation distillation losses, weighted and summed
     * @param gradients one gradient a parameter, in the caller's scope
     */
    public record Result(double loss, double distillation, List<Tensor> gradients) {}

    /**
     * Computes loss and gradients of rows.
     *
     * @param divisor what the token weights are divided by: their sum for a mean, 1 for a sum
     */
    public Result of(List<TrainRow> rows, double divisor) {
        TokenBatch batch = TokenBatch.padded(rows.stream().map(TrainRow::ids).toList(), 0, false);
        int positions = batch.rows() * batch.tokens();
        long[] targets = new long[positions];
        float[] weights = new float[positions];
        for (int r = 0; r < batch.rows(); r++) {
            TrainRow row = rows.get(r);
            for (int t = 0; t < batch.tokens(); t++) {
                int next = t + 1;
                boolean counted = next < row.ids().length && row.weights()[next] > 0;
                int at = r * batch.tokens() + t;
                targets[at] = counted ? row.ids()[next] : -100;
                weights[at] = counted ? (float) (row.weights()[next] / divisor) : 0;
            }
        }
        return of(batch, targets, weights);
    }

    /**
     * Computes loss and gradients for given targets.
     *
     * @param targets the token to predict at each position, negative where there is none, in
     *     row-major order
     * @param weights share of each position in the loss
     */
    public Result of(TokenBatch batch, long[] targets, float[] weights) {
        try (Scope scope = Scope.open()) {
            List<Tensor> teacherHidden = new ArrayList<>();
            for (Distillation method : distillations) {
                teacherHidden.add(method.teacher().hidden(batch));
            }
            TrainingPass pass = TrainingPass.run(model, batch, parameters, checkpointing);
            LossHead.Result result =
                    head.compute(
                            model,
                            pass.hidden(),
                            teacherHidden,
                            Tensor.of(targets, targets.length).to(model.device()),
                            Tensor.of(weights, weights.length).to(model.device()),
                            headIndex >= 0);
            List<Tensor> gradients = pass.backward(result.hiddenGradient());
            if (headIndex >= 0) {
                gradients.get(headIndex).addInPlace(result.headGradient().get(0), 1);
            }
            return new Result(result.loss(), result.distillation(), scope.passOut(gradients));
        }
    }
}
