package org.retain4j.finetune;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;
import org.retain4j.core.model.CausalLm;
import org.retain4j.core.nn.Parameter;
import org.retain4j.core.tensor.Kernels;
import org.retain4j.core.tensor.Scope;
import org.retain4j.core.tensor.Tensor;
import org.retain4j.finetune.optim.Optimizer;

/**
 * Trains a model in steps of a fixed order, into which methods against forgetting plug.
 *
 * <p>One step: draw rows → token weights → forward → task loss and distillation → backward,
 * accumulated and normalised by the weight of the whole global batch → penalties see the task
 * gradient → penalty gradients → gradient projection → clipping by global norm → optimizer →
 * projection of the update → decoupled penalties → listeners.
 *
 * <pre>{@code
 * TrainResult result = Trainer.of(model, TextBlocks.of(documents, model.tokenizer(), 128, seed))
 *         .options(TrainOptions.defaults().withSteps(200).withLearningRate(1e-3))
 *         .with(new KlToBase(base, 0.3))
 *         .run();
 * }</pre>
 *
 * <p>The run changes the model's weights in place. Same model, data, options and number of threads
 * give bit-identical weights on a CPU. A trainer is used once, by one thread; several trainers may
 * run in threads of their own on models of their own.
 */
public final class Trainer {

    private final CausalLm model;
    private BatchSource source;
    private TrainOptions options = TrainOptions.defaults();
    private Objective objective = new CrossEntropy();
    private Predicate<Parameter> trainable = parameter -> true;
    private final List<Distillation> distillations = new ArrayList<>();
    private final List<Penalty> penalties = new ArrayList<>();
    private final List<GradientProjection> projections = new ArrayList<>();
    private final List<OptimizerWrapper> wrappers = new ArrayList<>();
    private final List<TokenWeight> tokenWeights = new ArrayList<>();
    private final List<StepListener> listeners = new ArrayList<>();
    private List<Parameter> parameters = List.of();
    private long newTokens;
    private long replayedTokens;

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

    /** Trains only the parameters that fit; the others are frozen. */
    public Trainer trainOnly(Predicate<Parameter> filter) {
        trainable = filter;
        return this;
    }

    /** Sets the loss of the task; cross-entropy unless set. */
    public Trainer with(Objective value) {
        objective = value;
        return this;
    }

    /** Mixes rows into the data. */
    public Trainer with(BatchMixer mixer) {
        source = mixer.mix(source);
        return this;
    }

    /** Adds a loss towards a teacher. */
    public Trainer with(Distillation distillation) {
        distillations.add(distillation);
        return this;
    }

    /** Adds a penalty on the parameters. */
    public Trainer with(Penalty penalty) {
        penalties.add(penalty);
        return this;
    }

    /** Adds a projection of gradients. */
    public Trainer with(GradientProjection projection) {
        projections.add(projection);
        return this;
    }

    /** Wraps the optimizer; the last one added is the outermost. */
    public Trainer with(OptimizerWrapper wrapper) {
        wrappers.add(wrapper);
        return this;
    }

    /** Adds weights of single tokens. */
    public Trainer with(TokenWeight weight) {
        tokenWeights.add(weight);
        return this;
    }

    /** Adds a listener that hears of every step. */
    public Trainer onStep(StepListener listener) {
        listeners.add(listener);
        return this;
    }

    /**
     * Trains.
     *
     * @throws TrainingException if nothing is trainable, no token of a step counts, or loss or
     *     gradient are not finite; the weights are then those that gave them
     */
    public TrainResult run() {
        parameters = model.parameters().stream().filter(trainable).toList();
        if (parameters.isEmpty()) {
            throw new TrainingException("no parameter is trainable; check the filter");
        }
        LossGradient task =
                new LossGradient(
                        model,
                        parameters,
                        objective,
                        distillations,
                        options.gradientCheckpointing(),
                        options.lossChunk());
        parameters.forEach(parameter -> parameter.value().requiresGrad(true));
        StepGradients gradients = new StepGradients(task);
        try (Optimizer optimizer = optimizer(gradients);
                Scope run = Scope.open()) {
            penalties.forEach(penalty -> penalty.start(parameters));
            double loss = 0;
            for (long step = 0; step < options.steps(); step++) {
                try (Scope scope = Scope.open()) {
                    StepReport report = step(step, gradients, optimizer);
                    loss = report.loss();
                    listeners.forEach(listener -> listener.onStep(report));
                }
            }
            return new TrainResult(options.steps(), loss, newTokens, replayedTokens);
        } finally {
            parameters.forEach(parameter -> parameter.value().requiresGrad(false));
        }
    }

    private Optimizer optimizer(StepGradients gradients) {
        Optimizer optimizer = options.optimizer().create(parameters);
        try {
            for (OptimizerWrapper wrapper : wrappers) {
                optimizer = wrapper.wrap(optimizer, gradients::again);
            }
            return optimizer;
        } catch (RuntimeException | Error e) {
            optimizer.close();
            throw e;
        }
    }

    private StepReport step(long step, StepGradients taskGradients, Optimizer optimizer) {
        double learningRate =
                options.learningRate() * options.schedule().factor(step, options.steps());
        int rowsOfStep = options.batchSize() * options.accumulation();
        taskGradients.rows = draw(step * rowsOfStep, rowsOfStep);
        taskGradients.step = step;
        List<Tensor> gradients = taskGradients.compute();
        penalties.forEach(penalty -> penalty.observeTaskGradient(parameters, gradients));
        double penaltyValue =
                penalties.stream().mapToDouble(penalty -> penalty.value(parameters)).sum();
        double share = addPenaltyGradients(gradients);
        projections.forEach(projection -> projection.project(parameters, gradients));
        double norm = clip(step, gradients);
        boolean projectsUpdates =
                projections.stream().anyMatch(GradientProjection::projectsUpdates);
        List<Tensor> before =
                projectsUpdates
                        ? Kernels.callForList("list_clone", Parameter.values(parameters))
                        : List.of();
        optimizer.step(gradients, learningRate);
        for (GradientProjection projection : projections) {
            if (projection.projectsUpdates()) {
                projection.projectUpdate(parameters, before);
            }
        }
        for (Penalty penalty : penalties) {
            if (penalty.mode() != Penalty.Mode.GRADIENT) {
                penalty.afterStep(parameters, learningRate);
            }
        }
        count(taskGradients.rows);
        return new StepReport(
                step + 1,
                options.steps(),
                taskGradients.loss,
                taskGradients.distillation,
                penaltyValue,
                share,
                norm,
                learningRate,
                newTokens,
                replayedTokens);
    }

    private List<TrainRow> draw(long firstRow, int count) {
        List<TrainRow> rows = source.rows(firstRow, count);
        for (TokenWeight weight : tokenWeights) {
            rows = weight.weigh(rows);
        }
        return rows;
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

    /** Returns the norm of the penalty gradients over that of the task gradient. */
    private double addPenaltyGradients(List<Tensor> gradients) {
        if (penalties.stream().noneMatch(p -> p.mode() == Penalty.Mode.GRADIENT)) {
            return 0;
        }
        double task = Kernels.call("global_norm", gradients).item();
        double added = 0;
        for (Penalty penalty : penalties) {
            if (penalty.mode() == Penalty.Mode.GRADIENT) {
                added += penalty.addGradient(parameters, gradients);
            }
        }
        return task > 0 ? added / task : 0;
    }

    private double clip(long step, List<Tensor> gradients) {
        Tensor norm = Kernels.call("global_norm", gradients);
        double value = norm.item();
        if (Double.isNaN(value) || Double.isInfinite(value)) {
            throw new TrainingException(
                    "step "
                            + (step + 1)
                            + ": the gradient of "
                            + firstGradientNotFinite(gradients)
                            + " is not finite; lower the learning rate or look at the data");
        }
        if (options.maxGradNorm() > 0) {
            Kernels.call("clip_", gradients, norm, options.maxGradNorm());
        }
        return value;
    }

    private static String firstNotFinite(List<Parameter> weights) {
        try (Scope scope = Scope.open()) {
            return weights.stream()
                    .filter(weight -> !weight.value().allFinite())
                    .map(weight -> "because the weight " + weight.name() + " is not finite")
                    .findFirst()
                    .orElse("although all weights are finite");
        }
    }

    private String firstGradientNotFinite(List<Tensor> gradients) {
        for (int i = 0; i < gradients.size(); i++) {
            if (!gradients.get(i).allFinite()) {
                return parameters.get(i).name();
            }
        }
        return "all parameters together";
    }

    /** Computes the gradients of the task of one step, and again for optimizers that ask for it. */
    private final class StepGradients {
        private final LossGradient task;
        private List<TrainRow> rows = List.of();
        private long step;
        private double loss;
        private double distillation;

        StepGradients(LossGradient task) {
            this.task = task;
        }

        List<Tensor> again() {
            double firstLoss = loss;
            double firstDistillation = distillation;
            List<Tensor> gradients = compute();
            clip(step, gradients);
            loss = firstLoss;
            distillation = firstDistillation;
            return gradients;
        }

        List<Tensor> compute() {
            double total = rows.stream().mapToDouble(TrainRow::totalWeight).sum();
            if (!(total > 0)) {
                throw new TrainingException(
                        "step " + (step + 1) + ": no token of the batch counts; all are masked");
            }
            loss = 0;
            distillation = 0;
            List<Tensor> sum = List.of();
            try (Scope scope = Scope.open()) {
                for (int first = 0; first < rows.size(); first += options.batchSize()) {
                    int end = Math.min(rows.size(), first + options.batchSize());
                    try (Scope part = Scope.open()) {
                        LossGradient.Result result = task.of(rows.subList(first, end), total);
                        loss += result.loss();
                        distillation += result.distillation();
                        List<Tensor> gradients = result.gradients();
                        if (sum.isEmpty()) {
                            sum = part.passOut(gradients);
                        } else {
                            Kernels.call("list_add_", sum, gradients, 1.0);
                        }
                    }
                }
                if (Double.isNaN(loss) || Double.isInfinite(loss)) {
                    throw new TrainingException(
                            "step "
                                    + (step + 1)
                                    + ": the loss is "
                                    + loss
                                    + ", "
                                    + firstNotFinite(model.parameters())
                                    + "; lower the learning rate or look at the data");
                }
                return scope.passOut(sum);
            }
        }
    }
}
