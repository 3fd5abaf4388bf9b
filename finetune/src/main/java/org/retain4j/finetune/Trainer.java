package org.retain4j.finetune;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import org.retain4j.core.model.CausalLm;
import org.retain4j.core.nn.Parameter;
import org.retain4j.finetune.checkpoint.CheckpointException;
import org.retain4j.finetune.checkpoint.CheckpointOptions;
import org.retain4j.finetune.optim.NamePattern;

/**
 * Trains a model in steps of a fixed order, into which methods against forgetting plug.
 *
 * <p>One step: draw rows → token weights → forward → task loss and distillation → backward,
 * accumulated and normalised by the weight of the whole global batch → penalties see the task
 * gradient → penalty gradients → gradient projection → clipping by global norm → optimizer →
 * projection of the update → decoupled penalties → average of the weights → evaluations → listeners
 * → checkpoint.
 *
 * <pre>{@code
 * TrainResult result = Trainer.of(model, TextBlocks.of(documents, model.tokenizer(), 128, seed))
 *         .options(TrainOptions.defaults().withSteps(200).withLearningRate(1e-3))
 *         .distill(new KlToBase(base, 0.3))
 *         .run();
 * }</pre>
 *
 * <p>The methods {@code with} take finished objects of any plug point. A lambda fits several of
 * them: give it to the method of its kind, such as {@link #weigh}, {@link #mix}, {@link
 * #objective}, {@link #project} or {@link #wrap}.
 *
 * <p>The run changes the model's weights in place. Same model, data, options and number of threads
 * give bit-identical weights on a CPU, with or without interruptions. A trainer is used once, by
 * one thread; several trainers may run in threads of their own on models of their own.
 */
public final class Trainer {

    final CausalLm model;
    BatchSource source;
    TrainOptions options = TrainOptions.defaults();
    Objective objective = new CrossEntropy();
    final List<BatchMixer> mixers = new ArrayList<>();
    final List<Distillation> distillations = new ArrayList<>();
    final List<Penalty> penalties = new ArrayList<>();
    final List<GradientProjection> projections = new ArrayList<>();
    final List<OptimizerWrapper> wrappers = new ArrayList<>();
    final List<TokenWeight> tokenWeights = new ArrayList<>();
    final List<StepListener> listeners = new ArrayList<>();
    final List<StepListener> logListeners = new ArrayList<>();
    final List<Evaluation> evaluations = new ArrayList<>();
    final List<StopRule> stopRules = new ArrayList<>();
    @Nullable EmaWeights average;
    @Nullable CheckpointOptions checkpoints;
    @Nullable PhaseTimes times;
    final Map<String, String> remembered = new LinkedHashMap<>();
    private final List<Predicate<Parameter>> filters = new ArrayList<>();
    private final AtomicBoolean used = new AtomicBoolean();

    private Trainer(CausalLm model, BatchSource source) {
        this.model = model;
        this.source = source;
    }

    /** Creates a trainer of a model on new data. */
    public static Trainer of(CausalLm model, BatchSource newData) {
        return new Trainer(model, newData);
    }

    /** Sets the options. */
    public Trainer options(TrainOptions value) {
        options = value;
        return this;
    }

    /** Trains only the parameters that fit all filters; the others are frozen. */
    public Trainer trainOnly(Predicate<Parameter> filter) {
        filters.add(filter);
        return this;
    }

    /**
     * Trains only the parameters whose names fit one of the patterns.
     *
     * @param patterns see {@link NamePattern}
     * @throws IllegalArgumentException if a pattern fits no parameter of the model
     */
    public Trainer trainOnly(String... patterns) {
        List<NamePattern> wanted = patterns(patterns);
        return trainOnly(p -> wanted.stream().anyMatch(pattern -> pattern.matches(p.name())));
    }

    /**
     * Freezes the parameters whose names fit one of the patterns.
     *
     * @param patterns see {@link NamePattern}
     * @throws IllegalArgumentException if a pattern fits no parameter of the model
     */
    public Trainer freeze(String... patterns) {
        List<NamePattern> frozen = patterns(patterns);
        return trainOnly(p -> frozen.stream().noneMatch(pattern -> pattern.matches(p.name())));
    }

    private List<NamePattern> patterns(String... texts) {
        List<NamePattern> patterns = new ArrayList<>();
        for (String text : texts) {
            NamePattern pattern = NamePattern.of(text);
            pattern.requireMatch(model.trainable());
            patterns.add(pattern);
        }
        return patterns;
    }

    /** Sets the loss of the task; cross-entropy unless set. */
    public Trainer objective(Objective value) {
        objective = value;
        return this;
    }

    /** Mixes rows into the data; the last one added is the outermost. */
    public Trainer mix(BatchMixer mixer) {
        mixers.add(mixer);
        source = mixer.mix(source);
        return this;
    }

    /** Adds a loss towards a teacher. */
    public Trainer distill(Distillation distillation) {
        distillations.add(distillation);
        return this;
    }

    /** Adds a penalty on the parameters. */
    public Trainer penalize(Penalty penalty) {
        penalties.add(penalty);
        return this;
    }

    /** Adds a projection of gradients. */
    public Trainer project(GradientProjection projection) {
        projections.add(projection);
        return this;
    }

    /** Wraps the optimizer; the last one added is the outermost. */
    public Trainer wrap(OptimizerWrapper wrapper) {
        wrappers.add(wrapper);
        return this;
    }

    /** Adds weights of single tokens. */
    public Trainer weigh(TokenWeight weight) {
        tokenWeights.add(weight);
        return this;
    }

    /** Sets the loss of the task, as {@link #objective}. */
    public Trainer with(Objective value) {
        return objective(value);
    }

    /** Mixes rows into the data, as {@link #mix}. */
    public Trainer with(BatchMixer mixer) {
        return mix(mixer);
    }

    /** Adds a loss towards a teacher, as {@link #distill}. */
    public Trainer with(Distillation distillation) {
        return distill(distillation);
    }

    /** Adds a penalty, as {@link #penalize}. */
    public Trainer with(Penalty penalty) {
        return penalize(penalty);
    }

    /** Adds a projection of gradients, as {@link #project}. */
    public Trainer with(GradientProjection projection) {
        return project(projection);
    }

    /** Wraps the optimizer, as {@link #wrap}. */
    public Trainer with(OptimizerWrapper wrapper) {
        return wrap(wrapper);
    }

    /** Adds weights of single tokens, as {@link #weigh}. */
    public Trainer with(TokenWeight weight) {
        return weigh(weight);
    }

    /** Keeps an average of the trained weights, which the caller applies after the run. */
    public Trainer average(EmaWeights value) {
        average = value;
        return this;
    }

    /** Measures the model every {@link TrainOptions#evalSteps} steps and after the last one. */
    public Trainer evaluate(Evaluation evaluation) {
        evaluations.add(evaluation);
        return this;
    }

    /** Lets a rule stop the run after an evaluation. */
    public Trainer stopWhen(StopRule rule) {
        stopRules.add(rule);
        return this;
    }

    /** Adds a listener that hears of every step. */
    public Trainer onStep(StepListener listener) {
        listeners.add(listener);
        return this;
    }

    /**
     * Adds a listener that hears of every {@link TrainOptions#loggingSteps}-th step, the first and
     * the last, and those with an evaluation.
     */
    public Trainer onLog(StepListener listener) {
        logListeners.add(listener);
        return this;
    }

    /** Saves the run as it goes. */
    public Trainer checkpoints(CheckpointOptions value) {
        checkpoints = value;
        return this;
    }

    /**
     * Names a setting from outside the trainer, such as that of an adapter, which must be the same
     * when the run is resumed.
     */
    public Trainer remember(String name, String value) {
        remembered.put(name, value);
        return this;
    }

    /** Measures the parts of steps; costs nothing when it is not called. */
    public Trainer profile(PhaseTimes value) {
        times = value;
        return this;
    }

    List<Parameter> trained() {
        return model.trainable().stream()
                .filter(parameter -> filters.stream().allMatch(filter -> filter.test(parameter)))
                .toList();
    }

    /**
     * Trains from the first step.
     *
     * @throws TrainingException if nothing is trainable, no token of a step counts, loss or
     *     gradient are not finite, or a checkpoint cannot be written and the run is to stop then;
     *     the weights are those before the step
     * @throws IllegalStateException if this trainer has run before
     */
    public TrainResult run() {
        use();
        return new TrainRun(this).run();
    }

    /**
     * Continues a run from a checkpoint, to the same bits that it would have come to without the
     * interruption; all of model, data, options and plug-ins must be as they were.
     *
     * @param checkpoint a folder {@code checkpoint-STEP}
     * @throws CheckpointException if the checkpoint is missing, damaged or of another run; the
     *     message says which file or option, and how it differs
     * @throws TrainingException as {@link #run}
     * @throws IllegalStateException if this trainer has run before
     */
    public TrainResult resume(Path checkpoint) throws CheckpointException {
        use();
        return new TrainRun(this).resume(checkpoint);
    }

    private void use() {
        if (!used.compareAndSet(false, true)) {
            throw new IllegalStateException("a trainer runs once; make a new one for another run");
        }
    }
}
