package org.retain4j.finetune;

import java.util.ArrayList;
import java.util.List;
import org.retain4j.core.model.CausalLm;
import org.retain4j.core.tensor.Kernels;
import org.retain4j.core.tensor.Scope;
import org.retain4j.core.tensor.Tensor;

/**
 * Losses over the vocabulary, computed in chunks of positions with their gradients.
 *
 * <p>Neither the scores of all positions nor a graph over them ever exist: at 2048 tokens and a
 * vocabulary of 49,152 that saves about a gigabyte.
 */
final class LossHead {

    private final Objective objective;
    private final List<Distillation> distillations;
    private final int chunk;

    LossHead(Objective objective, List<Distillation> distillations, int chunk) {
        this.objective = objective;
        this.distillations = distillations;
        this.chunk = chunk;
    }

    /**
     * What the head gives back.
     *
     * @param loss task loss, weighted and summed
     * @param distillation all distillation losses, weighted and summed
     * @param hiddenGradient gradient with respect to the hidden states, of their shape
     * @param headGradient gradient with respect to the head's weight; empty when it is not trained
     */
    record Result(
            double loss, double distillation, Tensor hiddenGradient, List<Tensor> headGradient) {}

    /**
     * Computes losses and gradients.
     *
     * @param hidden the student's hidden states, {@code [rows, tokens, hidden]}
     * @param teacherHidden hidden states of the teacher of each distillation
     * @param targets the token after each position, negative where there is none, {@code [rows ·
     *     tokens]}
     * @param weights share of each position in the loss, of the same length
     */
    Result compute(
            CausalLm model,
            Tensor hidden,
            List<Tensor> teacherHidden,
            Tensor targets,
            Tensor weights,
            boolean headIsTrained) {
        long positions = targets.elements();
        long width = hidden.size(-1);
        double cap = model.spec().logitSoftCap();
        int type = model.precision().computeType().scalarType();
        Tensor weight = model.headWeight().value();
        try (Scope scope = Scope.open()) {
            Tensor flat = hidden.detach().reshape(positions, width);
            List<Tensor> teachers = new ArrayList<>();
            for (Tensor teacher : teacherHidden) {
                teachers.add(teacher.reshape(positions, teacher.size(-1)));
            }
            Tensor hiddenGradient = Tensor.zerosLike(flat);
            List<Tensor> headGradient =
                    headIsTrained ? List.of(Tensor.zerosLike(weight.detach())) : List.of();
            double loss = 0;
            double distillation = 0;
            for (long start = 0; start < positions; start += chunk) {
                long length = Math.min(chunk, positions - start);
                try (Scope part = Scope.open()) {
                    Tensor target = targets.narrow(0, start, length);
                    Tensor share = weights.narrow(0, start, length);
                    Tensor logits =
                            Kernels.call("chunk_logits", flat, weight, start, length, cap, type);
                    // the objective may turn the scores into the gradient in place
                    Tensor slope = cap > 0 ? Kernels.call("cap_slope", logits, cap) : null;
                    Objective.InPlace fused =
                            distillations.isEmpty()
                                    ? objective.inPlace(logits, target, share)
                                    : null;
                    Tensor gradient;
                    if (fused != null) {
                        gradient = fused.gradient();
                        loss += fused.loss().item();
                    } else {
                        gradient = Tensor.zerosLike(logits);
                        LogitChunk piece = new LogitChunk(logits, gradient, target, share);
                        loss += objective.accumulate(piece).item();
                        for (int d = 0; d < distillations.size(); d++) {
                            CausalLm teacher = distillations.get(d).teacher();
                            Tensor scores =
                                    Kernels.call(
                                            "chunk_logits",
                                            teachers.get(d),
                                            teacher.headWeight().value(),
                                            start,
                                            length,
                                            teacher.spec().logitSoftCap(),
                                            teacher.precision().computeType().scalarType());
                            distillation += distillations.get(d).accumulate(piece, scores).item();
                        }
                    }
                    Kernels.call(
                            "chunk_backward",
                            slope == null ? gradient : gradient.mul(slope),
                            flat,
                            weight,
                            hiddenGradient,
                            headGradient,
                            start,
                            length,
                            type);
                }
            }
            scope.passOut(headGradient);
            return new Result(
                    loss,
                    distillation,
                    scope.passOut(hiddenGradient.reshape(hidden.shape())),
                    headGradient);
        }
    }
}
