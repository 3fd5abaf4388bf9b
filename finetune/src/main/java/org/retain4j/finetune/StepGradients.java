package org.retain4j.finetune;

import java.util.List;
import org.jspecify.annotations.Nullable;
import org.retain4j.core.nn.Parameter;
import org.retain4j.core.tensor.Kernels;
import org.retain4j.core.tensor.Random;
import org.retain4j.core.tensor.Scope;
import org.retain4j.core.tensor.Tensor;

/** Computes the gradients of one step, and again for optimizers that ask for it. */
final class StepGradients {

    private final Trainer setup;
    private final TrainOptions options;
    private final List<Parameter> parameters;
    private final LossGradient task;
    private final Diagnosis diagnosis;
    private List<TrainRow> rows = List.of();
    private long step;
    private double loss;
    private double distillation;

    StepGradients(Trainer setup, List<Parameter> parameters, LossGradient task) {
        this.setup = setup;
        this.options = setup.options;
        this.parameters = parameters;
        this.task = task;
        this.diagnosis = new Diagnosis(setup.model, parameters);
    }

    /** Fetches the rows of a step, which counts from 0. */
    void draw(long number) {
        step = number;
        int count = options.batchSize() * options.accumulation();
        rows = setup.source.rows(number * count, count);
        for (TokenWeight weight : setup.tokenWeights) {
            rows = weight.weigh(rows);
        }
    }

    List<TrainRow> rows() {
        return rows;
    }

    double loss() {
        return loss;
    }

    double distillation() {
        return distillation;
    }

    /** As the first gradients of the step were, with penalties, projections and clipping. */
    List<Tensor> again() {
        double firstLoss = loss;
        double firstDistillation = distillation;
        List<Tensor> gradients = compute();
        for (Penalty.Mode mode : List.of(Penalty.Mode.LOSS, Penalty.Mode.GRADIENT)) {
            joining(mode).forEach(penalty -> penalty.addGradient(parameters, gradients));
        }
        setup.projections.forEach(projection -> projection.project(parameters, gradients));
        clip(gradients);
        loss = firstLoss;
        distillation = firstDistillation;
        return gradients;
    }

    List<Tensor> compute() {
        double total =
                rows.stream()
                        .filter(row -> !row.besides())
                        .mapToDouble(TrainRow::totalWeight)
                        .sum();
        int stored = StoredLoss.counted(rows);
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
                    LossGradient.Result result =
                            task.of(
                                    rows.subList(first, end),
                                    total,
                                    stored,
                                    noise(first, end),
                                    dropoutSeed(first));
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
            if (!Double.isFinite(loss + distillation)) {
                throw diagnosis.ofLoss(step, rows, Double.isFinite(loss) ? distillation : loss);
            }
            return scope.passOut(sum);
        }
    }

    /** Seed of the dropout of adapters, a function of seed, step and first row alone. */
    private @Nullable Long dropoutSeed(int first) {
        return setup.model.isAdapted()
                ? Random.at(options.seed(), step, "dropout-" + first).nextLong()
                : null;
    }

    /** Uniform noise of NEFTune, a function of seed, step and row alone. */
    private List<Tensor> noise(int first, int end) {
        if (options.neftuneNoiseAlpha() == 0) {
            return List.of();
        }
        int width = setup.model.spec().hiddenSize();
        int tokens = 0;
        for (TrainRow row : rows.subList(first, end)) {
            tokens = Math.max(tokens, row.ids().length);
        }
        float[] values =
                new float[Math.multiplyExact(Math.multiplyExact(end - first, tokens), width)];
        for (int r = first; r < end; r++) {
            int elements = rows.get(r).ids().length * width;
            double size = options.neftuneNoiseAlpha() / Math.sqrt(elements);
            Random random = Random.at(options.seed(), step, "neftune-" + r);
            int at = (r - first) * tokens * width;
            for (int i = 0; i < elements; i++) {
                values[at + i] = (float) (size * (2 * random.nextDouble() - 1));
            }
        }
        return List.of(Tensor.of(values, end - first, tokens, width).to(setup.model.device()));
    }

    /** Returns the norm of the penalty gradients over that of the task gradient. */
    /**
     * What the penalties of a mode did.
     *
     * @param share sum of the norms of what they added over the norm of what was there
     * @param value sum of their values
     * @param drift largest distance from an anchor
     */
    record PenaltySum(double share, double value, double drift) {
        private static final PenaltySum NONE = new PenaltySum(0, 0, 0);
    }

    PenaltySum addPenaltyGradients(List<Tensor> gradients, Penalty.Mode mode) {
        List<Penalty> joining = joining(mode);
        if (joining.isEmpty()) {
            return PenaltySum.NONE;
        }
        double own = Kernels.call("global_norm", gradients).item();
        double added = 0;
        double value = 0;
        double drift = 0;
        for (Penalty penalty : joining) {
            Penalty.Pull pull = penalty.pull(parameters, gradients);
            added += pull.norm();
            value += pull.value();
            drift = Math.max(drift, pull.drift());
        }
        return new PenaltySum(own > 0 ? added / own : 0, value, drift);
    }

    private List<Penalty> joining(Penalty.Mode mode) {
        return setup.penalties.stream().filter(penalty -> penalty.mode() == mode).toList();
    }

    double clip(List<Tensor> gradients) {
        Tensor norm = Kernels.call("global_norm", gradients);
        double value = norm.item();
        if (!Double.isFinite(value)) {
            throw diagnosis.ofGradient(step, rows, gradients);
        }
        if (options.maxGradNorm() > 0) {
            Kernels.call("clip_", gradients, norm, options.maxGradNorm());
        }
        return value;
    }
}
