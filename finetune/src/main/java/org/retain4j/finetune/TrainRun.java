package org.retain4j.finetune;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.retain4j.core.nn.Parameter;
import org.retain4j.core.tensor.Kernels;
import org.retain4j.core.tensor.Scope;
import org.retain4j.core.tensor.Tensor;
import org.retain4j.finetune.PhaseTimes.Phase;
import org.retain4j.finetune.checkpoint.CheckpointException;
import org.retain4j.finetune.checkpoint.CheckpointOptions;
import org.retain4j.finetune.checkpoint.CheckpointOptions.OnSaveError;
import org.retain4j.finetune.checkpoint.Checkpoints;
import org.retain4j.finetune.checkpoint.RunState;
import org.retain4j.finetune.optim.Optimizer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** One run of a trainer: its loop and what it has to remember between steps. */
final class TrainRun {

    private static final Logger LOG = LoggerFactory.getLogger(TrainRun.class);
    private static final String PROGRESS = "trainer";
    private static final String AVERAGE = "average";

    private final Trainer setup;
    private final TrainOptions options;
    private final List<Parameter> parameters;
    private final List<String> saveErrors = new ArrayList<>();
    private final Diagnosis diagnosis;
    private final @Nullable BestWeights best;
    private long done;
    private double loss;
    private long newTokens;
    private long replayedTokens;
    private long intervalTokens;
    private double intervalSeconds;
    private Map<String, Double> evaluation = Map.of();

    TrainRun(Trainer setup) {
        this.setup = setup;
        this.options = setup.options;
        this.parameters = setup.trained();
        if (parameters.isEmpty()) {
            throw new TrainingException("no parameter is trainable; check the filter");
        }
        requireFitting(setup);
        this.diagnosis = new Diagnosis(setup.model, parameters);
        CheckpointOptions saved = setup.checkpoints;
        this.best = saved == null || saved.best() == null ? null : new BestWeights(saved.best());
        if (best != null && setup.evaluations.isEmpty()) {
            throw new TrainingException(
                    "load_best_model_at_end needs an evaluation that tells which weights are best");
        }
    }

    /** Refuses methods that would undo one another. */
    private static void requireFitting(Trainer setup) {
        long second = setup.wrappers.stream().filter(OptimizerWrapper::takesSecondGradient).count();
        if (second > 1) {
            throw new TrainingException(
                    "two of the methods ask for a second gradient at other weights, of which a step"
                            + " has one; leave one of them out");
        }
    }

    TrainResult run() {
        CheckpointOptions checkpoints = setup.checkpoints;
        if (checkpoints != null) {
            try {
                if (Checkpoints.latest(checkpoints.folder()).isPresent()) {
                    throw new TrainingException(
                            checkpoints.folder()
                                    + " holds checkpoints of another run; resume it or choose"
                                    + " another folder");
                }
            } catch (IOException e) {
                throw new TrainingException(
                        "cannot read " + checkpoints.folder() + ": " + e.getMessage(), e);
            }
        }
        try {
            return train(null);
        } catch (CheckpointException e) {
            throw new IllegalStateException("nothing was to be read", e);
        }
    }

    TrainResult resume(Path checkpoint) throws CheckpointException {
        return train(checkpoint);
    }

    private TrainResult train(@Nullable Path checkpoint) throws CheckpointException {
        LossGradient task =
                new LossGradient(
                        setup.model,
                        parameters,
                        setup.objective,
                        setup.distillations,
                        options.gradientCheckpointing(),
                        options.lossChunk(),
                        setup.times);
        StepGradients gradients = new StepGradients(setup, parameters, task);
        options.warnings().forEach(LOG::warn);
        try (Scope run = Scope.open();
                Optimizer optimizer = optimizer(gradients)) {
            removeUnfinished();
            if (checkpoint != null) {
                try (Scope reading = Scope.open()) {
                    load(Checkpoints.read(checkpoint, setup.model, settings()), optimizer);
                }
            }
            parameters.forEach(parameter -> parameter.value().requiresGrad(true));
            for (Penalty penalty : setup.penalties) {
                penalty.start(parameters);
                String warning = penalty.warning(options.learningRate());
                if (!warning.isEmpty()) {
                    LOG.warn(warning);
                }
            }
            if (setup.average != null) {
                setup.average.start(parameters);
            }
            if (checkpoint == null) {
                setup.evaluations.forEach(evaluation -> evaluation.start(setup.model));
            }
            if (setup.times != null) {
                setup.times.begin();
            }
            String stopped = "";
            while (done < options.steps() && stopped.isEmpty()) {
                try (Scope scope = Scope.open()) {
                    StepReport report = step(gradients, optimizer);
                    done++;
                    loss = report.loss();
                    stopped = afterStep(report, optimizer);
                }
            }
            diagnosis.requireFiniteWeights(done);
            return new TrainResult(
                    done,
                    loss,
                    newTokens,
                    replayedTokens,
                    stopped,
                    evaluation,
                    loadBest(),
                    saveErrors);
        } finally {
            parameters.forEach(parameter -> parameter.value().requiresGrad(false));
        }
    }

    private void removeUnfinished() {
        if (setup.checkpoints == null) {
            return;
        }
        try {
            Checkpoints.removeUnfinished(setup.checkpoints.folder());
        } catch (IOException e) {
            LOG.warn("Cannot remove what a killed run left: {}", e.getMessage());
        }
    }

    private Optimizer optimizer(StepGradients gradients) {
        Optimizer optimizer = options.optimizer().create(parameters);
        try {
            for (OptimizerWrapper wrapper : setup.wrappers) {
                optimizer = wrapper.wrap(optimizer, parameters, gradients::again);
            }
            return optimizer;
        } catch (RuntimeException | Error e) {
            optimizer.close();
            throw e;
        }
    }

    private static boolean movesAfterwards(Penalty penalty) {
        return penalty.mode() == Penalty.Mode.DECOUPLED || penalty.mode() == Penalty.Mode.PROXIMAL;
    }

    private StepReport step(StepGradients stepGradients, Optimizer optimizer) {
        long started = System.nanoTime();
        double learningRate =
                options.learningRate() * options.schedule().factor(done, options.steps());
        enter(Phase.DATA);
        stepGradients.draw(done);
        enter(Phase.METHODS);
        List<Tensor> gradients = stepGradients.compute();
        StepGradients.PenaltySum inLoss =
                stepGradients.addPenaltyGradients(gradients, Penalty.Mode.LOSS);
        setup.penalties.forEach(penalty -> penalty.observeTaskGradient(parameters, gradients));
        StepGradients.PenaltySum added =
                stepGradients.addPenaltyGradients(gradients, Penalty.Mode.GRADIENT);
        double penaltyValue = inLoss.value() + added.value();
        double drift = Math.max(inLoss.drift(), added.drift());
        for (Penalty penalty : setup.penalties) {
            if (movesAfterwards(penalty)) {
                penaltyValue += penalty.value(parameters);
                drift = Math.max(drift, penalty.drift());
            }
        }
        setup.projections.forEach(projection -> projection.project(parameters, gradients));
        double norm = stepGradients.clip(gradients);
        boolean projectsUpdates =
                setup.projections.stream().anyMatch(GradientProjection::projectsUpdates);
        List<Tensor> before =
                projectsUpdates
                        ? Kernels.callForList("list_clone", Parameter.values(parameters))
                        : List.of();
        enter(Phase.OPTIMIZER);
        optimizer.step(gradients, learningRate);
        enter(Phase.METHODS);
        for (GradientProjection projection : setup.projections) {
            if (projection.projectsUpdates()) {
                projection.projectUpdate(parameters, before);
            }
        }
        for (Penalty penalty : setup.penalties) {
            if (movesAfterwards(penalty)) {
                penalty.afterStep(parameters, learningRate);
            }
        }
        setup.penalties.forEach(penalty -> penalty.observeUpdate(parameters));
        if (setup.average != null) {
            setup.average.update();
        }
        enter(Phase.REST);
        long tokensBefore = newTokens + replayedTokens;
        count(stepGradients.rows());
        long tokens = newTokens + replayedTokens - tokensBefore;
        double seconds = (System.nanoTime() - started) / 1e9;
        intervalTokens += tokens;
        intervalSeconds += seconds;
        return new StepReport(
                done + 1,
                options.steps(),
                stepGradients.loss() + inLoss.value(),
                stepGradients.distillation(),
                penaltyValue,
                inLoss.share() + added.share(),
                drift,
                norm,
                learningRate,
                newTokens,
                replayedTokens,
                tokens,
                seconds,
                intervalTokens,
                intervalSeconds,
                Map.of());
    }

    private void enter(Phase phase) {
        if (setup.times != null) {
            setup.times.enter(phase);
        }
    }

    private void count(List<TrainRow> rows) {
        for (TrainRow row : rows) {
            if (row.replayed()) {
                replayedTokens += row.ids().length;
            } else {
                newTokens += row.ids().length;
            }
        }
    }

    /** Evaluates, tells and saves; returns why the run must stop, or nothing. */
    private String afterStep(StepReport step, Optimizer optimizer) {
        boolean last = done == options.steps();
        boolean evaluates = last || (options.evalSteps() > 0 && done % options.evalSteps() == 0);
        StepReport report = step;
        String stopped = "";
        if (evaluates && !setup.evaluations.isEmpty()) {
            report = with(step, evaluated());
            for (StopRule rule : setup.stopRules) {
                String reason = rule.check(done, evaluation);
                stopped = stopped.isEmpty() ? reason : stopped;
            }
        }
        boolean ends = last || !stopped.isEmpty();
        for (StepListener listener : setup.listeners) {
            listener.onStep(report);
        }
        if (done == 1
                || ends
                || done % options.loggingSteps() == 0
                || !report.evaluation().isEmpty()) {
            for (StepListener listener : setup.logListeners) {
                listener.onStep(report);
            }
            intervalTokens = 0;
            intervalSeconds = 0;
        }
        CheckpointOptions checkpoints = setup.checkpoints;
        boolean better =
                best != null
                        && !report.evaluation().isEmpty()
                        && best.sees(done, report.evaluation());
        if (checkpoints != null && (ends || better || done % checkpoints.saveSteps() == 0)) {
            diagnosis.requireFiniteWeights(done);
            boolean saved = save(checkpoints, optimizer);
            if (better && !saved && best != null) {
                best.forget();
            }
        }
        return stopped;
    }

    /** Gives the model the best weights there were; returns their step, 0 if there is none. */
    private long loadBest() {
        CheckpointOptions checkpoints = setup.checkpoints;
        if (best == null || checkpoints == null || best.step() == 0 || best.step() == done) {
            return best == null ? 0 : best.step();
        }
        Path folder = Checkpoints.of(checkpoints.folder(), best.step());
        try (Scope reading = Scope.open()) {
            RunState state = Checkpoints.read(folder, setup.model, settings());
            if (setup.average != null) {
                setup.average.load(state.part(AVERAGE));
            }
            return best.step();
        } catch (CheckpointException e) {
            throw new TrainingException(
                    "the run is done, but its best weights cannot be loaded: " + e.getMessage(), e);
        }
    }

    private Map<String, Double> evaluated() {
        Map<String, Double> results = new LinkedHashMap<>();
        for (Evaluation plugged : setup.evaluations) {
            try (Scope scope = Scope.open()) {
                plugged.evaluate(setup.model, done)
                        .forEach(
                                (name, value) -> {
                                    if (results.put(name, value) != null) {
                                        throw new IllegalArgumentException(
                                                "two evaluations give a number named "
                                                        + name
                                                        + "; give them names of their own");
                                    }
                                });
            }
        }
        evaluation = Collections.unmodifiableMap(results);
        return results;
    }

    private static StepReport with(StepReport step, Map<String, Double> results) {
        return new StepReport(
                step.step(),
                step.steps(),
                step.loss(),
                step.distillation(),
                step.penalty(),
                step.penaltyGradientShare(),
                step.drift(),
                step.gradientNorm(),
                step.learningRate(),
                step.newTokens(),
                step.replayedTokens(),
                step.tokens(),
                step.seconds(),
                step.intervalTokens(),
                step.intervalSeconds(),
                Collections.unmodifiableMap(results));
    }

    /** Returns whether it was written. */
    private boolean save(CheckpointOptions checkpoints, Optimizer optimizer) {
        try {
            long kept = best == null ? 0 : best.step();
            Checkpoints.write(checkpoints, setup.model, state(optimizer), kept);
            return true;
        } catch (IOException e) {
            String message = "step " + done + ": the checkpoint was not written: " + e.getMessage();
            if (checkpoints.onSaveError() == OnSaveError.STOP) {
                throw new TrainingException(message, e);
            }
            LOG.warn("{}; training goes on (on_save_error: continue)", message);
            saveErrors.add(message);
            return false;
        }
    }

    /** Everything that has a state, by a name that is the same in every process. */
    private Map<String, Stateful> stateful() {
        Map<String, Stateful> parts = new LinkedHashMap<>();
        parts.put("objective", setup.objective);
        parts.put("data", setup.source);
        add(parts, "mixer", setup.mixers);
        add(parts, "distillation", setup.distillations);
        add(parts, "penalty", setup.penalties);
        add(parts, "projection", setup.projections);
        add(parts, "token-weight", setup.tokenWeights);
        add(parts, "evaluation", setup.evaluations);
        add(parts, "stop-rule", setup.stopRules);
        if (setup.average != null) {
            parts.put(AVERAGE, setup.average);
        }
        if (best != null) {
            parts.put("best", best);
        }
        return parts;
    }

    private static void add(
            Map<String, Stateful> parts, String kind, List<? extends Stateful> plugged) {
        for (int i = 0; i < plugged.size(); i++) {
            parts.put(kind + "-" + i, plugged.get(i));
        }
    }

    /** Returns what must be the same when the run is resumed. */
    private Map<String, String> settings() {
        Map<String, String> settings = new LinkedHashMap<>(options.describe());
        settings.putAll(setup.remembered);
        settings.put("data", setup.checkpoints == null ? "" : setup.checkpoints.dataHash());
        settings.put("model", setup.model.config().node("model_type").asText());
        settings.put(
                "trained parameters",
                parameters.size()
                        + " "
                        + Integer.toHexString(
                                parameters.stream().map(Parameter::name).toList().hashCode()));
        stateful()
                .forEach(
                        (name, plugged) -> {
                            if (!name.equals("data")) {
                                settings.put(name, Described.of(plugged));
                            }
                        });
        for (int i = 0; i < setup.mixers.size(); i++) {
            settings.put("mixer-" + i, Described.of(setup.mixers.get(i)));
        }
        for (int i = 0; i < setup.wrappers.size(); i++) {
            settings.put("wrapper-" + i, Described.of(setup.wrappers.get(i)));
        }
        return settings;
    }

    private RunState state(Optimizer optimizer) {
        Map<String, StateDict> parts = new LinkedHashMap<>();
        Map<String, Long> progress = new LinkedHashMap<>();
        progress.put("rows", done * options.batchSize() * options.accumulation());
        progress.put("new_tokens", newTokens);
        progress.put("replayed_tokens", replayedTokens);
        progress.put("loss_bits", Double.doubleToRawLongBits(loss));
        parts.put(PROGRESS, new StateDict(Map.of(), progress));
        parts.put(RunState.OPTIMIZER, optimizer.save());
        stateful().forEach((name, plugged) -> parts.put(name, plugged.save()));
        return new RunState(done, settings(), parts);
    }

    private void load(RunState state, Optimizer optimizer) throws CheckpointException {
        try {
            StateDict progress = state.part(PROGRESS);
            newTokens = progress.number("new_tokens");
            replayedTokens = progress.number("replayed_tokens");
            loss = Double.longBitsToDouble(progress.number("loss_bits"));
            done = state.step();
            optimizer.load(state.part(RunState.OPTIMIZER));
            stateful().forEach((name, plugged) -> plugged.load(state.part(name)));
        } catch (IllegalArgumentException e) {
            throw new CheckpointException(
                    "the checkpoint of step "
                            + state.step()
                            + " does not fit this run: "
                            + e.getMessage(),
                    e);
        }
    }
}
