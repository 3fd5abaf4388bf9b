package org.retain4j.finetune;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.retain4j.finetune.optim.AdamW;
import org.retain4j.finetune.optim.LearningRateRange;
import org.retain4j.finetune.optim.OptimizerFactory;
import org.retain4j.finetune.schedule.Schedule;

/**
 * Settings of a training run; the comments give the Hugging Face names.
 *
 * <p>Immutable: {@code TrainOptions.defaults().withSteps(200).withLearningRate(1e-3)}. Label
 * smoothing is a setting of {@link CrossEntropy}, length and packing of the data, precision of the
 * model, averaging of {@link EmaWeights}, saving of {@link
 * org.retain4j.finetune.checkpoint.CheckpointOptions}, early stopping of {@link
 * org.retain4j.finetune.monitor.EarlyStopping}.
 *
 * @param steps optimizer steps ({@code max_steps})
 * @param batchSize rows of one forward pass ({@code batch_size})
 * @param accumulation forward passes of one step ({@code gradient_accumulation_steps})
 * @param learningRate peak learning rate ({@code learning_rate})
 * @param schedule learning rate over time, with its warm-up ({@code lr_scheduler_type}, {@code
 *     warmup_steps}, {@code warmup_ratio})
 * @param maxGradNorm largest norm of the gradient, 0 for no limit ({@code max_grad_norm})
 * @param optimizer the optimizer and its settings ({@code optim}, {@code weight_decay}, {@code
 *     adam_beta1}, {@code adam_beta2}, {@code adam_epsilon})
 * @param gradientCheckpointing whether to trade time for memory ({@code gradient_checkpointing})
 * @param lossChunk positions whose vocabulary scores are held at once
 * @param seed seed of what the trainer itself draws ({@code seed}); data has seeds of its own
 * @param neftuneNoiseAlpha strength of the noise on embeddings, 0 for none ({@code
 *     neftune_noise_alpha}; Jain et al. 2023, arXiv:2310.05914)
 * @param loggingSteps steps from one line of the log to the next ({@code logging_steps})
 * @param evalSteps steps from one evaluation to the next, 0 for only after the last ({@code
 *     eval_steps})
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
        int lossChunk,
        long seed,
        double neftuneNoiseAlpha,
        long loggingSteps,
        long evalSteps) {

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
                (long) batchSize * accumulation <= Integer.MAX_VALUE,
                "batch_size times gradient_accumulation_steps must be less than 2^31",
                (long) batchSize * accumulation);
        require(
                learningRate >= 0 && learningRate < Double.POSITIVE_INFINITY,
                "learning_rate must be 0 or more",
                learningRate);
        require(maxGradNorm >= 0, "max_grad_norm must be 0 or more", maxGradNorm);
        require(lossChunk >= 1, "the loss chunk must be at least 1", lossChunk);
        require(
                neftuneNoiseAlpha >= 0 && neftuneNoiseAlpha < Double.POSITIVE_INFINITY,
                "neftune_noise_alpha must be 0 or more",
                neftuneNoiseAlpha);
        require(loggingSteps >= 1, "logging_steps must be at least 1", loggingSteps);
        require(evalSteps >= 0, "eval_steps must be 0 or more", evalSteps);
    }

    private static void require(boolean holds, String rule, Number found) {
        if (!holds) {
            throw new IllegalArgumentException(rule + ", is " + found);
        }
    }

    /**
     * Returns the defaults: 100 steps of 8 rows, learning rate 5e-5 falling linearly, clipping at
     * 1, AdamW without weight decay and seed 42, as transformers has them; but a line of the log
     * every 10 steps instead of 500, because runs here are shorter.
     */
    public static TrainOptions defaults() {
        return new Draft().build();
    }

    /** Returns these settings with another number of steps. */
    public TrainOptions withSteps(long value) {
        Draft draft = new Draft(this);
        draft.steps = value;
        return draft.build();
    }

    /**
     * Returns these settings with the number of steps that goes so often over the data, rounded up
     * ({@code num_train_epochs}); set the batches first.
     *
     * @param epochs positive, need not be whole
     * @param rows rows of the data
     * @throws IllegalArgumentException if one is not positive
     */
    public TrainOptions withEpochs(double epochs, long rows) {
        if (!(epochs > 0) || Double.isInfinite(epochs) || rows < 1) {
            throw new IllegalArgumentException(
                    "num_train_epochs and the number of rows must be positive, are "
                            + epochs
                            + " and "
                            + rows);
        }
        return withSteps((long) Math.ceil(epochs * rows / ((double) batchSize * accumulation)));
    }

    /** Returns these settings with other batches. */
    public TrainOptions withBatch(int rows, int passes) {
        Draft draft = new Draft(this);
        draft.batchSize = rows;
        draft.accumulation = passes;
        return draft.build();
    }

    /** Returns these settings with another peak learning rate. */
    public TrainOptions withLearningRate(double value) {
        Draft draft = new Draft(this);
        draft.learningRate = value;
        return draft.build();
    }

    /** Returns these settings with another schedule. */
    public TrainOptions withSchedule(Schedule value) {
        Draft draft = new Draft(this);
        draft.schedule = value;
        return draft.build();
    }

    /** Returns these settings with another limit of the gradient's norm. */
    public TrainOptions withMaxGradNorm(double value) {
        Draft draft = new Draft(this);
        draft.maxGradNorm = value;
        return draft.build();
    }

    /** Returns these settings with another optimizer. */
    public TrainOptions withOptimizer(OptimizerFactory value) {
        Draft draft = new Draft(this);
        draft.optimizer = value;
        return draft.build();
    }

    /** Returns these settings with activation checkpointing on or off. */
    public TrainOptions withGradientCheckpointing(boolean value) {
        Draft draft = new Draft(this);
        draft.gradientCheckpointing = value;
        return draft.build();
    }

    /** Returns these settings with another number of positions scored at once. */
    public TrainOptions withLossChunk(int value) {
        Draft draft = new Draft(this);
        draft.lossChunk = value;
        return draft.build();
    }

    /** Returns these settings with another seed. */
    public TrainOptions withSeed(long value) {
        Draft draft = new Draft(this);
        draft.seed = value;
        return draft.build();
    }

    /** Returns these settings with noise on the embeddings. */
    public TrainOptions withNeftuneNoiseAlpha(double value) {
        Draft draft = new Draft(this);
        draft.neftuneNoiseAlpha = value;
        return draft.build();
    }

    /** Returns these settings with another distance of log lines. */
    public TrainOptions withLoggingSteps(long value) {
        Draft draft = new Draft(this);
        draft.loggingSteps = value;
        return draft.build();
    }

    /** Returns these settings with another distance of evaluations. */
    public TrainOptions withEvalSteps(long value) {
        Draft draft = new Draft(this);
        draft.evalSteps = value;
        return draft.build();
    }

    /** Returns what is allowed but seldom meant, in one sentence each; a run logs it. */
    public List<String> warnings() {
        LearningRateRange usual = optimizer.usualLearningRates();
        if (usual.contains(learningRate)) {
            return List.of();
        }
        return List.of(
                "learning_rate is "
                        + learningRate
                        + ", outside the usual range of its optimizer, "
                        + usual.from()
                        + " to "
                        + usual.to()
                        + (learningRate > usual.to()
                                ? "; the run may diverge"
                                : "; the run may learn nothing"));
    }

    /** Returns what decides the course of a run, by Hugging Face name. */
    Map<String, String> describe() {
        Map<String, String> options = new LinkedHashMap<>();
        options.put("max_steps", String.valueOf(steps));
        options.put("batch_size", String.valueOf(batchSize));
        options.put("gradient_accumulation_steps", String.valueOf(accumulation));
        options.put("learning_rate", String.valueOf(learningRate));
        options.put("lr_scheduler_type", Described.of(schedule));
        options.put("max_grad_norm", String.valueOf(maxGradNorm));
        options.put("optim", Described.of(optimizer));
        options.put("gradient_checkpointing", String.valueOf(gradientCheckpointing));
        options.put("loss_chunk", String.valueOf(lossChunk));
        options.put("seed", String.valueOf(seed));
        options.put("neftune_noise_alpha", String.valueOf(neftuneNoiseAlpha));
        options.put("eval_steps", String.valueOf(evalSteps));
        return options;
    }

    /** The settings while one is changed. */
    private static final class Draft {
        private long steps = 100;
        private int batchSize = 8;
        private int accumulation = 1;
        private double learningRate = 5e-5;
        private Schedule schedule = Schedule.linear(0);
        private double maxGradNorm = 1;
        private OptimizerFactory optimizer = AdamW.Options.defaults();
        private boolean gradientCheckpointing;
        private int lossChunk = 128;
        private long seed = 42;
        private double neftuneNoiseAlpha;
        private long loggingSteps = 10;
        private long evalSteps;

        Draft() {}

        Draft(TrainOptions from) {
            steps = from.steps;
            batchSize = from.batchSize;
            accumulation = from.accumulation;
            learningRate = from.learningRate;
            schedule = from.schedule;
            maxGradNorm = from.maxGradNorm;
            optimizer = from.optimizer;
            gradientCheckpointing = from.gradientCheckpointing;
            lossChunk = from.lossChunk;
            seed = from.seed;
            neftuneNoiseAlpha = from.neftuneNoiseAlpha;
            loggingSteps = from.loggingSteps;
            evalSteps = from.evalSteps;
        }

        TrainOptions build() {
            return new TrainOptions(
                    steps,
                    batchSize,
                    accumulation,
                    learningRate,
                    schedule,
                    maxGradNorm,
                    optimizer,
                    gradientCheckpointing,
                    lossChunk,
                    seed,
                    neftuneNoiseAlpha,
                    loggingSteps,
                    evalSteps);
        }
    }
}
