package org.retain4j.finetune;

import org.retain4j.finetune.optim.AdamW;
import org.retain4j.finetune.optim.OptimizerFactory;
import org.retain4j.finetune.schedule.Schedule;

/**
 * Settings of a training run; the comments give the Hugging Face names.
 *
 * <p>Immutable: {@code TrainOptions.defaults().withSteps(200).withLearningRate(1e-3)}.
 *
 * @param steps optimizer steps ({@code max_steps})
 * @param batchSize rows of one forward pass ({@code batch_size})
 * @param accumulation forward passes of one step ({@code gradient_accumulation_steps})
 * @param learningRate peak learning rate ({@code learning_rate})
 * @param schedule learning rate over time ({@code lr_scheduler_type})
 * @param maxGradNorm largest norm of the gradient, 0 for no limit ({@code max_grad_norm})
 * @param optimizer the optimizer and its settings ({@code optim})
 * @param gradientCheckpointing whether to trade time for memory ({@code gradient_checkpointing})
 * @param lossChunk positions whose vocabulary scores are held at once
 */
public record TrainOptions(
        long steps,
        int batchSize,
        int accumulation,
        double learningRate,
        Schedule schedule,
        double maxGradNorm,
        OptimizerFactory optimizer,
        boolean gradientCheckpointing,
        int lossChunk) {

    /**
     * Creates settings.
     *
     * @throws IllegalArgumentException if a number is out of range
     */
    public TrainOptions {
        require(steps >= 1, "max_steps must be at least 1", steps);
        require(batchSize >= 1, "batch_size must be at least 1", batchSize);
        require(accumulation >= 1, "gradient_accumulation_steps must be at least 1", accumulation);
        require(
                learningRate >= 0 && learningRate < Double.POSITIVE_INFINITY,
                "learning_rate must be 0 or more",
                learningRate);
        require(maxGradNorm >= 0, "max_grad_norm must be 0 or more", maxGradNorm);
        require(lossChunk >= 1, "the loss chunk must be at least 1", lossChunk);
    }

    private static void require(boolean holds, String rule, Number found) {
        if (!holds) {
            throw new IllegalArgumentException(rule + ", is " + found);
        }
    }

    /**
     * Returns the defaults: 100 steps of 8 rows, learning rate 5e-5 falling linearly, clipping at
     * 1, AdamW without weight decay, as transformers has them.
     */
    public static TrainOptions defaults() {
        return new TrainOptions(
                100, 8, 1, 5e-5, Schedule.linear(0), 1, AdamW.Options.defaults(), false, 256);
    }

    /** Returns these settings with another number of steps. */
    public TrainOptions withSteps(long value) {
        return new TrainOptions(
                value,
                batchSize,
                accumulation,
                learningRate,
                schedule,
                maxGradNorm,
                optimizer,
                gradientCheckpointing,
                lossChunk);
    }

    /** Returns these settings with other batches. */
    public TrainOptions withBatch(int rows, int passes) {
        return new TrainOptions(
                steps,
                rows,
                passes,
                learningRate,
                schedule,
                maxGradNorm,
                optimizer,
                gradientCheckpointing,
                lossChunk);
    }

    /** Returns these settings with another peak learning rate. */
    public TrainOptions withLearningRate(double value) {
        return new TrainOptions(
                steps,
                batchSize,
                accumulation,
                value,
                schedule,
                maxGradNorm,
                optimizer,
                gradientCheckpointing,
                lossChunk);
    }

    /** Returns these settings with another schedule. */
    public TrainOptions withSchedule(Schedule value) {
        return new TrainOptions(
                steps,
                batchSize,
                accumulation,
                learningRate,
                value,
                maxGradNorm,
                optimizer,
                gradientCheckpointing,
                lossChunk);
    }

    /** Returns these settings with another limit of the gradient's norm. */
    public TrainOptions withMaxGradNorm(double value) {
        return new TrainOptions(
                steps,
                batchSize,
                accumulation,
                learningRate,
                schedule,
                value,
                optimizer,
                gradientCheckpointing,
                lossChunk);
    }

    /** Returns these settings with another optimizer. */
    public TrainOptions withOptimizer(OptimizerFactory value) {
        return new TrainOptions(
                steps,
                batchSize,
                accumulation,
                learningRate,
                schedule,
                maxGradNorm,
                value,
                gradientCheckpointing,
                lossChunk);
    }

    /** Returns these settings with activation checkpointing on or off. */
    public TrainOptions withGradientCheckpointing(boolean value) {
        return new TrainOptions(
                steps,
                batchSize,
                accumulation,
                learningRate,
                schedule,
                maxGradNorm,
                optimizer,
                value,
                lossChunk);
    }
}
