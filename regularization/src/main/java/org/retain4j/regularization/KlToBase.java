package org.retain4j.regularization;

import java.util.function.Supplier;
import org.retain4j.core.model.CausalLm;
import org.retain4j.core.tensor.Kernels;
import org.retain4j.core.tensor.Tensor;
import org.retain4j.finetune.Distillation;
import org.retain4j.finetune.LogitChunk;

/**
 * Keeps the predictions on the training tokens close to those of the base model: L + β · T² · KL,
 * mean over the counted tokens, both sides softened by the temperature T (learning without
 * forgetting, Li and Hoiem 2016, arXiv:1606.09282; distillation, Hinton et al. 2015,
 * arXiv:1503.02531).
 *
 * <p>Needs no old data. Costs a forward pass of the base model a step and the base model's weights,
 * which may be shared by several runs.
 *
 * @param teacher the base model; it is only read and belongs to the caller
 * @param beta β, 0 or more
 * @param direction which side weighs the difference
 * @param temperature T, positive
 * @param teachingTime opens the time in which the teacher teaches, see {@link #whileTeaching}
 */
public record KlToBase(
        CausalLm teacher,
        double beta,
        Direction direction,
        double temperature,
        Supplier<? extends AutoCloseable> teachingTime)
        implements Distillation {

    /** Default strength. */
    public static final double DEFAULT_BETA = 0.3;

    /** Which side weighs the difference of the predictions. */
    public enum Direction {
        /** KL(base ‖ tuned): cover all that the base model considers possible. */
        FORWARD,
        /** KL(tuned ‖ base): predict only what the base model considers possible. */
        REVERSE,
        /** Jensen-Shannon divergence: half of each towards their mean, bounded by ln 2. */
        JSD,
        /**
         * exp(r) - 1 - r with r = log p_base - log p at the token of the data: an estimate of the
         * reverse divergence that needs no other token.
         */
        K3
    }

    /**
     * Creates the loss.
     *
     * @throws IllegalArgumentException if a number is out of range
     */
    public KlToBase {
        if (!(beta >= 0) || Double.isInfinite(beta)) {
            throw new IllegalArgumentException("beta must be 0 or more, is " + beta);
        }
        if (!(temperature > 0) || Double.isInfinite(temperature)) {
            throw new IllegalArgumentException("temperature must be positive, is " + temperature);
        }
    }

    /** Creates the loss towards another model. */
    public KlToBase(CausalLm teacher, double beta, Direction direction, double temperature) {
        this(teacher, beta, direction, temperature, () -> () -> {});
    }

    /** Creates the loss in the forward direction at temperature 1. */
    public KlToBase(CausalLm teacher, double beta) {
        this(teacher, beta, Direction.FORWARD, 1);
    }

    /**
     * Returns the same with the trained model as its own teacher while something is turned off:
     * with adapters {@code new KlToBase(model, 0.3).whileTeaching(lora::disabled)} needs no second
     * copy of the base.
     */
    public KlToBase whileTeaching(Supplier<? extends AutoCloseable> time) {
        return new KlToBase(teacher, beta, direction, temperature, time);
    }

    @Override
    public Teaching teaching() {
        AutoCloseable time = teachingTime.get();
        return () -> {
            try {
                time.close();
            } catch (RuntimeException e) {
                throw e;
            } catch (Exception e) {
                throw new IllegalStateException(e);
            }
        };
    }

    /** Returns name and settings, which tell it from another in a checkpoint. */
    @Override
    public String toString() {
        return "KlToBase[beta="
                + beta
                + ", direction="
                + direction
                + ", temperature="
                + temperature
                + "]";
    }

    @Override
    public Tensor accumulate(LogitChunk chunk, Tensor teacherLogits) {
        Tensor weights = chunk.weights().mul(beta);
        return switch (direction) {
            case FORWARD ->
                    Kernels.call(
                            "kl_forward_into",
                            chunk.logits(),
                            teacherLogits,
                            chunk.gradient(),
                            weights,
                            temperature);
            case REVERSE ->
                    Kernels.call(
                            "kl_reverse_into",
                            chunk.logits(),
                            teacherLogits,
                            chunk.gradient(),
                            weights,
                            temperature);
            case JSD ->
                    Kernels.call(
                            "jsd_into",
                            chunk.logits(),
                            teacherLogits,
                            chunk.gradient(),
                            weights,
                            temperature,
                            0.5);
            case K3 ->
                    Kernels.call(
                            "k3_into",
                            chunk.logits(),
                            teacherLogits,
                            chunk.targets(),
                            chunk.gradient(),
                            weights,
                            temperature);
        };
    }
}
