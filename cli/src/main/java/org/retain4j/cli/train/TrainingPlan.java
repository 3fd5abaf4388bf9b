package org.retain4j.cli.train;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Stream;
import org.retain4j.cli.train.RunConfig.OptimizerName;
import org.retain4j.cli.usage.UsageException;
import org.retain4j.core.tensor.Device;
import org.retain4j.core.tensor.Precision;
import org.retain4j.core.tensor.TensorEngine;
import org.retain4j.finetune.Penalty;
import org.retain4j.finetune.TrainOptions;
import org.retain4j.finetune.optim.Adafactor;
import org.retain4j.finetune.optim.AdamW;
import org.retain4j.finetune.optim.NamePattern;
import org.retain4j.finetune.optim.OptimizerFactory;
import org.retain4j.finetune.optim.ParameterGroups;
import org.retain4j.finetune.optim.Sgd;
import org.retain4j.finetune.schedule.Schedule;
import org.retain4j.lora.LoraConfig;

/**
 * The settings of a run in the terms of the trainer, checked.
 *
 * @param options what the trainer is told
 * @param device where the model lies
 * @param precision of matrix products
 * @param trained names of the trained parameters
 * @param trainedElements numbers that are trained
 * @param allElements numbers of the model
 * @param memory bytes that the run will about take
 * @param warnings sentences about settings that are probably not meant
 */
record TrainingPlan(
        TrainOptions options,
        Device device,
        Precision precision,
        List<String> trained,
        long trainedElements,
        long allElements,
        MemoryEstimate memory,
        List<String> warnings) {

    private static final String LORA_B = "regex:.*\\.lora_(embedding_)?B\\..*";

    /**
     * Checks what needs neither model nor data, so that a mistake is told at once.
     *
     * @throws UsageException on the first mistake
     */
    static void check(RunConfig config) {
        options(config, 1);
        precision(config, device(config));
        require(config.saveSteps >= 1, "save_steps must be 1 or more, is " + config.saveSteps);
        require(
                config.saveTotalLimit >= 0,
                "save_total_limit must be 0 (keep all) or more, is " + config.saveTotalLimit);
        require(
                config.evalBatchSize >= 1,
                "eval_batch_size must be 1 or more, is " + config.evalBatchSize);
        require(
                config.maxEvalSamples == null || config.maxEvalSamples >= 1,
                "max_eval_samples must be 1 or more");
        require(config.maxLength >= 2, "max_length must be 2 or more, is " + config.maxLength);
        require(
                config.labelSmoothingFactor >= 0 && config.labelSmoothingFactor < 1,
                "label_smoothing_factor must be in [0, 1), is " + config.labelSmoothingFactor);
        require(config.sampleTokens >= 0, "sample_tokens must be 0 or more");
        require(
                config.emaDecay == null || (config.emaDecay > 0 && config.emaDecay < 1),
                "ema_decay must be in (0, 1), is " + config.emaDecay);
        boolean evaluates = !config.eval.isEmpty() || config.evalSplit != null;
        require(
                evaluates
                        || !config.metricForBestModel.startsWith("eval_")
                        || (config.earlyStoppingPatience == null && !config.loadBestModelAtEnd),
                "early stopping and the best model go by "
                        + config.metricForBestModel
                        + ", which needs eval or eval_split");
        require(
                config.maxRetainRise == null || !config.retain.isEmpty(),
                "max_retain_rise needs retain, the data to watch");
        LoraConfig lora = Adapter.config(config);
        require(
                lora != null || (config.loraplusLrRatio == null && config.loraInitData.isEmpty()),
                "loraplus_lr_ratio and lora_init_data need lora");
        require(
                config.loraplusLrRatio == null || config.loraplusLrRatio > 0,
                "loraplus_lr_ratio must be positive, is " + config.loraplusLrRatio);
        RegularizationSection methods = config.regularization;
        require(
                lora == null || methods.graft == null,
                "with lora, graft has nothing to put back; lower the rank instead");
        require(
                lora == null || methods.gpm == null,
                "with lora, gpm has nothing to project: the weights that it protects are frozen");
        require(
                lora == null || methods.continual == null,
                "with lora, continual has no weights to hold from task to task: A and B have no"
                        + " meaning apart; use ewc or l2_sp, which hold their product");
        require(
                methods.continual == null
                        || methods.continual.mode != Penalty.Mode.LOSS
                        || methods.continual.method
                                == RegularizationSection.ContinualMethod.ONLINE_EWC
                        || methods.continual.method
                                == RegularizationSection.ContinualMethod.SEPARATE_EWC,
                "continual: si and rwalk read the gradient of the task alone, and cannot have the"
                        + " mode loss");
        String from = methods.continual == null ? null : methods.continual.from;
        require(
                from == null || Files.isRegularFile(Path.of(from)),
                "regularization.continual.from: " + from + " does not exist");
        require(
                (methods.agem == null ? 0 : 1) + (methods.gem == null ? 0 : 1) <= 1,
                "agem and gem both change the gradient by that of old data; give one of them");
        require(
                (methods.gpm == null ? 0 : 1) + (methods.ogd == null ? 0 : 1) <= 1,
                "gpm and ogd both take directions out of the step, and each would undo a part of the"
                        + " other; give one of them");
        require(
                methods.sam == null
                        || methods.continual == null
                        || methods.continual.method != RegularizationSection.ContinualMethod.RWALK,
                "rwalk follows the path of one gradient a step, and does not go with sam");
        require(
                lora == null
                        || (methods.l2Sp == null || methods.l2Sp.exclude.isEmpty())
                                && (methods.ewc == null || methods.ewc.exclude.isEmpty()),
                "with lora, l2_sp and ewc hold products of the adapter, and exclude nothing");
        require(
                lora == null || methods.lisa == null && methods.halfFineTuning == null,
                "with lora, lisa and half_fine_tuning would hold back parts of the adapter alone;"
                        + " use layers_to_transform");
        require(
                methods.lisa == null || methods.halfFineTuning == null,
                "lisa and half_fine_tuning both choose what moves; give one of them");
        require(
                methods.mofo == null || config.optim == OptimizerName.ADAMW,
                "mofo reads the moments of adamw; set optim: adamw");
        require(
                lora == null || methods.wiseFt == null,
                "with lora, wise_ft has nothing to average; merge with a smaller share instead");
        require(
                lora == null
                        || (methods.l2Sp == null || methods.l2Sp.mode == Penalty.Mode.GRADIENT)
                                && (methods.ewc == null
                                        || methods.ewc.mode == Penalty.Mode.GRADIENT),
                "with lora, l2_sp and ewc have the mode gradient alone");
        require(
                methods.oLora == null || lora != null,
                "o_lora keeps an adapter apart; it needs lora");
        require(
                methods.osf == null
                        || lora == null
                                && methods.l2Sp == null
                                && methods.ewc == null
                                && methods.gpm == null
                                && methods.wiseFt == null
                                && methods.graft == null
                                && methods.lisa == null
                                && methods.halfFineTuning == null,
                "osf trains factors of the weights; lora, l2_sp, ewc, gpm, wise_ft, graft, lisa and"
                        + " half_fine_tuning have nothing to hold");
        if (config.replay != null) {
            require(
                    config.replay.sources() == 1,
                    "replay needs one of data, self_generated, magpie, ssr and lamol, has "
                            + config.replay.sources()
                            + " of them");
            require(
                    config.replay.ssr == null || !config.replay.ssr.data.isEmpty(),
                    "replay.ssr needs data, a few old examples to start from");
            if (config.replay.lamol != null) {
                require(
                        config.replay.added == null
                                && config.replay.dark == null
                                && config.replay.course == ReplaySection.ReplayCourse.CONSTANT,
                        "replay.lamol trains rows that are in train already, and does not go with"
                                + " added, dark or course");
                require(
                        !config.packing,
                        "replay.lamol needs packing: false, since it trains every row twice");
                require(
                        lora == null,
                        "with lora, lamol cannot train its new tokens; train the weights");
            }
            require(
                    config.replay.added == null || config.replay.dark == null,
                    "replay has added and dark, which both add rows; give one of them");
            require(
                    config.replay.course == ReplaySection.ReplayCourse.CONSTANT
                            || (config.replay.added == null && config.replay.dark == null),
                    "replay.course is that of the ratio, and does not go with added or dark");
        }
        Methods.check(config);
        RetentionMonitor.check(config);
        if (config.regularization.ewc != null) {
            require(
                    config.regularization.ewc.data.isEmpty()
                            != (config.regularization.ewc.importanceFile == null),
                    "regularization.ewc needs either data, old data that the importance is of, or"
                            + " importance_file");
            String file = config.regularization.ewc.importanceFile;
            require(
                    file == null || Files.isRegularFile(Path.of(file)),
                    "regularization.ewc.importance_file: " + file + " does not exist");
        }
        for (SamplePrompt prompt : config.samplePrompts) {
            require(
                    Stream.of(prompt.user, prompt.text, prompt.either)
                                    .filter(Objects::nonNull)
                                    .count()
                            == 1,
                    "sample_prompts: a prompt is a text, or has one of user and text");
        }
    }

    private static void require(boolean holds, String rule) {
        if (!holds) {
            throw new UsageException(rule);
        }
    }

    /**
     * Settles everything.
     *
     * @param trainable elements of every parameter that may be trained, by name
     * @param epochRows rows of one time over the data
     * @throws UsageException if the model does not allow it
     */
    static TrainingPlan of(
            RunConfig config, BaseModel base, Map<String, Long> trainable, long epochRows) {
        check(config);
        require(
                config.maxLength <= base.spec().maxPositions(),
                "max_length is "
                        + config.maxLength
                        + ", but the model has "
                        + base.spec().maxPositions()
                        + " positions");
        require(
                config.replay == null || config.replay.magpie == null || base.chat() != null,
                "replay.magpie needs a chat template, and a model that was tuned with it; "
                        + config.model
                        + " has none, give chat_template or use self_generated");
        List<String> trained = trained(config, trainable);
        long elements = trained.stream().mapToLong(trainable::get).sum();
        long all = base.parameters().values().stream().mapToLong(Long::longValue).sum();
        TrainOptions options = options(config, epochRows);
        List<String> warnings = new ArrayList<>(options.warnings());
        if (options.schedule().factor(options.steps() - 1, options.steps()) == 0
                && options.steps() == 1) {
            warnings.add("the only step has a learning rate of 0; give more steps or no warm-up");
        }
        Device device = device(config);
        return new TrainingPlan(
                options,
                device,
                precision(config, device),
                trained,
                elements,
                all,
                MemoryEstimate.of(config, base.spec(), all, elements),
                warnings);
    }

    private static List<String> trained(RunConfig config, Map<String, Long> parameters) {
        List<String> names = new ArrayList<>(parameters.keySet());
        if (!config.parameters.trainable.isEmpty()) {
            names.retainAll(matching(config.parameters.trainable, parameters, "trainable"));
        }
        names.removeAll(matching(config.parameters.frozen, parameters, "frozen"));
        require(!names.isEmpty(), "parameters: nothing is left to train");
        matching(
                config.parameters.groups.stream().map(group -> group.pattern).toList(),
                parameters,
                "groups");
        return names;
    }

    private static List<String> matching(
            List<String> patterns, Map<String, Long> parameters, String key) {
        List<String> names = new ArrayList<>();
        for (String text : patterns) {
            try {
                NamePattern pattern = NamePattern.of(text);
                pattern.requireMatchAmong(parameters.keySet());
                parameters.keySet().stream().filter(pattern::matches).forEach(names::add);
            } catch (IllegalArgumentException e) {
                throw new UsageException("parameters." + key + ": " + e.getMessage());
            }
        }
        return names;
    }

    static Device device(RunConfig config) {
        try {
            return config.device == null ? TensorEngine.defaultDevice() : Device.of(config.device);
        } catch (IllegalArgumentException e) {
            throw new UsageException("device: " + e.getMessage());
        }
    }

    static Precision precision(RunConfig config, Device device) {
        try {
            return config.precision == null
                    ? Precision.standard(device)
                    : Precision.parse(config.precision, device);
        } catch (IllegalArgumentException e) {
            throw new UsageException("precision: " + e.getMessage());
        }
    }

    private static TrainOptions options(RunConfig config, long epochRows) {
        try {
            TrainOptions options =
                    TrainOptions.defaults()
                            .withBatch(config.batchSize, config.gradientAccumulationSteps)
                            .withLearningRate(config.learningRate)
                            .withMaxGradNorm(config.maxGradNorm)
                            .withGradientCheckpointing(config.gradientCheckpointing)
                            .withSeed(config.seed)
                            .withNeftuneNoiseAlpha(config.neftuneNoiseAlpha)
                            .withLoggingSteps(config.loggingSteps)
                            .withEvalSteps(config.evalSteps)
                            .withOptimizer(optimizer(config));
            options =
                    config.maxSteps == null
                            ? options.withEpochs(config.numTrainEpochs, epochRows)
                            : options.withSteps(config.maxSteps);
            return options.withSchedule(schedule(config, options.steps()));
        } catch (IllegalArgumentException e) {
            throw new UsageException(String.valueOf(e.getMessage()));
        }
    }

    private static OptimizerFactory optimizer(RunConfig config) {
        require(
                config.momentum == 0 || config.optim == OptimizerName.SGD,
                "momentum is a setting of optim: sgd");
        OptimizerFactory base =
                switch (config.optim) {
                    case ADAMW ->
                            new AdamW.Options(
                                    config.adamBeta1,
                                    config.adamBeta2,
                                    config.adamEpsilon,
                                    config.weightDecay,
                                    AdamW.Options.defaults().decayAll());
                    case SGD -> new Sgd.Options(config.momentum, config.weightDecay);
                    case ADAFACTOR ->
                            Adafactor.Options.defaults().withWeightDecay(config.weightDecay);
                };
        if (config.parameters.groups.isEmpty() && config.loraplusLrRatio == null) {
            return base;
        }
        ParameterGroups groups = ParameterGroups.of(base);
        for (ParameterSection.Group group : config.parameters.groups) {
            require(
                    group.learningRate == null || group.learningRateFactor == null,
                    "parameters.groups: "
                            + group.pattern
                            + " has both learning_rate and learning_rate_factor, give one");
            require(
                    group.learningRate == null || config.learningRate > 0,
                    "parameters.groups: a group's learning_rate needs a learning_rate above 0");
            double factor =
                    group.learningRate != null
                            ? group.learningRate / config.learningRate
                            : group.learningRateFactor == null ? 1 : group.learningRateFactor;
            groups =
                    group.weightDecay == null
                            ? groups.group(group.pattern, factor)
                            : groups.group(group.pattern, factor, group.weightDecay);
        }
        return config.loraplusLrRatio == null
                ? groups
                : groups.group(LORA_B, config.loraplusLrRatio);
    }

    private static Schedule schedule(RunConfig config, long steps) {
        long warmup =
                config.warmupSteps > 0
                        ? config.warmupSteps
                        : Schedule.warmupSteps(config.warmupRatio, steps);
        require(config.warmupSteps >= 0, "warmup_steps must be 0 or more");
        if (config.rewarmFrom != null) {
            return Schedule.rewarmed(warmup, config.rewarmFrom, course(config, 0, steps - warmup));
        }
        return course(config, warmup, steps);
    }

    private static Schedule course(RunConfig config, long warmup, long steps) {
        boolean floors =
                switch (config.lrSchedulerType) {
                    case COSINE_WITH_MIN_LR, WARMUP_STABLE_DECAY -> true;
                    case LINEAR, COSINE, CONSTANT, CONSTANT_WITH_WARMUP -> false;
                };
        require(
                floors || config.minLrRate == 0,
                "min_lr_rate needs lr_scheduler_type cosine_with_min_lr or warmup_stable_decay");
        return switch (config.lrSchedulerType) {
            case LINEAR -> Schedule.linear(warmup);
            case COSINE, COSINE_WITH_MIN_LR -> Schedule.cosine(warmup, config.minLrRate);
            case CONSTANT -> {
                require(
                        warmup == 0 || config.rewarmFrom != null,
                        "lr_scheduler_type constant has no warm-up; use constant_with_warmup");
                yield Schedule.constant();
            }
            case CONSTANT_WITH_WARMUP -> Schedule.constant(warmup);
            case WARMUP_STABLE_DECAY -> {
                require(
                        config.numDecaySteps != null,
                        "lr_scheduler_type warmup_stable_decay needs num_decay_steps");
                long decay = config.numDecaySteps == null ? 0 : config.numDecaySteps;
                require(
                        warmup + decay <= steps || steps <= 1,
                        "warm-up and num_decay_steps are more than the " + steps + " steps");
                yield Schedule.warmupStableDecay(warmup, decay, config.minLrRate);
            }
        };
    }

    /** Returns how many of the numbers are trained, in words. */
    String share() {
        return String.format(
                Locale.ROOT,
                "%,d of %,d parameters are trained (%.2f %%)",
                trainedElements,
                allElements,
                100.0 * trainedElements / allElements);
    }
}
