package org.retain4j.finetune;

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
     * What scores of the vocabulary are made of.
     *
     * @param model the model
     * @param hidden its hidden states, {@code [rows, tokens, hidden]}
     * @param head matrix of its output head, {@code [vocabulary, hidden]}
     */
    record Scorer(CausalLm model, Tensor hidden, Tensor head) {

        /** Returns the same over positions in one row, without a graph. */
        Scorer flat(long positions) {
            return new Scorer(
                    model, hidden.detach().reshape(positions, hidden.size(-1)), head.detach());
        }

        Tensor logits(long start, long length) {
            return Kernels.call(
                    "chunk_logits",
                    hidden,
                    head,
                    start,
                    length,
                    model.spec().logitSoftCap(),
                    model.precision().computeType().scalarType());
        }
    }

    /**
     * Computes losses and gradients.
     *
     * @param student the trained model
     * @param teachers the teacher of each distillation
     * @param targets the token after each position, negative where there is none, {@code [rows ·
     *     tokens]}
     * @param weights share of each position in the loss, of the same length
     * @param stored losses towards stored scores
     */
    Result compute(
            Scorer student,
            List<Scorer> teachers,
            Tensor targets,
            Tensor weights,
            List<StoredLoss> stored,
            boolean headIsTrained) {
        long positions = targets.elements();
        double cap = student.model().spec().logitSoftCap();
        int type = student.model().precision().computeType().scalarType();
        try (Scope scope = Scope.open()) {
            Scorer own = student.flat(positions);
            Tensor flat = own.hidden();
            Tensor weight = own.head();
            List<Scorer> others = teachers.stream().map(one -> one.flat(positions)).toList();
            Tensor hiddenGradient = Tensor.zerosLike(flat);
            List<Tensor> headGradient =
                    headIsTrained ? List.of(Tensor.zerosLike(weight)) : List.of();
            double loss = 0;
            double distillation = 0;
            for (long start = 0; start < positions; start += chunk) {
                long length = Math.min(chunk, positions - start);
                try (Scope part = Scope.open()) {
                    Tensor target = targets.narrow(0, start, length);
                    Tensor share = weights.narrow(0, start, length);
                    Tensor logits = own.logits(start, length);
                    // the objective may turn the scores into the gradient in place
                    Tensor slope = cap > 0 ? Kernels.call("cap_slope", logits, cap) : null;
                    Objective.InPlace fused =
                            distillations.isEmpty() && stored.isEmpty()
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
                            Tensor scores = others.get(d).logits(start, length);
                            distillation += distillations.get(d).accumulate(piece, scores).item();
                        }
                        for (StoredLoss one : stored) {
                            distillation += one.accumulate(logits, gradient, start, length);
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
                    scope.passOut(hiddenGradient.reshape(student.hidden().shape())),
                    headGradient);
        }
    }
}
