package org.retain4j.finetune;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
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
    private final @Nullable PhaseTimes times;

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
        this(model, parameters, objective, distillations, gradientCheckpointing, lossChunk, null);
    }

    LossGradient(
            CausalLm model,
            List<Parameter> parameters,
            Objective objective,
            List<Distillation> distillations,
            boolean gradientCheckpointing,
            int lossChunk,
            @Nullable PhaseTimes times) {
        this.times = times;
        this.model = model;
        this.parameters = List.copyOf(parameters);
        this.distillations = List.copyOf(distillations);
        this.head = new LossHead(objective, this.distillations, lossChunk);
        this.checkpointing = gradientCheckpointing;
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
        return of(rows, divisor, StoredLoss.counted(rows), List.of(), null);
    }

    /**
     * Computes loss and gradients of rows.
     *
     * @param storedDivisor positions that the loss towards stored scores is the mean over
     * @param noise added to their embeddings, or none
     * @param dropoutSeed seed of the dropout of adapters; null for none
     */
    Result of(
            List<TrainRow> rows,
            double divisor,
            int storedDivisor,
            List<Tensor> noise,
            @Nullable Long dropoutSeed) {
        TokenBatch batch =
                TokenBatch.packed(
                        rows.stream().map(TrainRow::ids).toList(),
                        rows.stream().map(TrainRow::starts).toList(),
                        0);
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
        try (Scope scope = Scope.open()) {
            List<StoredLoss> stored =
                    StoredLoss.of(rows, batch.tokens(), storedDivisor, model.device());
            Result result = of(batch, targets, weights, stored, noise, dropoutSeed);
            scope.passOut(result.gradients());
            return result;
        }
    }

    /**
     * Computes loss and gradients for given targets.
     *
     * @param targets the token to predict at each position, negative where there is none, in
     *     row-major order
     * @param weights share of each position in the loss
     */
    public Result of(TokenBatch batch, long[] targets, float[] weights) {
        return of(batch, targets, weights, List.of(), List.of(), null);
    }

    private Result of(
            TokenBatch batch,
            long[] targets,
            float[] weights,
            List<StoredLoss> stored,
            List<Tensor> noise,
            @Nullable Long dropoutSeed) {
        try (Scope scope = Scope.open()) {
            PhaseTimes.Phase before = enter(PhaseTimes.Phase.FORWARD);
            List<LossHead.Scorer> teachers = new ArrayList<>();
            for (Distillation method : distillations) {
                try (Distillation.Teaching time = method.teaching()) {
                    CausalLm teacher = method.teacher();
                    teachers.add(
                            new LossHead.Scorer(
                                    teacher, teacher.hidden(batch), teacher.headMatrix()));
                }
            }
            TrainingPass pass =
                    TrainingPass.run(model, batch, parameters, checkpointing, noise, dropoutSeed);
            boolean headIsTrained = pass.headIsTrained();
            enter(PhaseTimes.Phase.LOSS);
            LossHead.Result result =
                    head.compute(
                            new LossHead.Scorer(model, pass.hidden(), pass.headMatrix()),
                            teachers,
                            Tensor.of(targets, targets.length).to(model.device()),
                            Tensor.of(weights, weights.length).to(model.device()),
                            stored,
                            headIsTrained);
            enter(PhaseTimes.Phase.BACKWARD);
            List<Tensor> gradients =
                    headIsTrained
                            ? pass.backward(result.hiddenGradient(), result.headGradient().get(0))
                            : pass.backward(result.hiddenGradient());
            enter(before);
            return new Result(result.loss(), result.distillation(), scope.passOut(gradients));
        }
    }

    private PhaseTimes.Phase enter(PhaseTimes.Phase phase) {
        return times == null ? phase : times.enter(phase);
    }
}
