package org.retain4j.cli.compare;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.retain4j.core.generate.Generator;
import org.retain4j.core.generate.Sampling;
import org.retain4j.core.model.CausalLm;
import org.retain4j.core.tensor.Scope;
import org.retain4j.evaluation.metrics.BitsPerByte;
import org.retain4j.evaluation.metrics.DocumentScores;
import org.retain4j.evaluation.report.Curve;
import org.retain4j.evaluation.report.MethodTrial;
import org.retain4j.evaluation.report.TextSample;
import org.retain4j.finetune.StepListener;
import org.retain4j.finetune.StepReport;
import org.retain4j.finetune.TrainOptions;
import org.retain4j.finetune.TrainResult;
import org.retain4j.finetune.Trainer;
import org.retain4j.finetune.TrainingException;
import org.retain4j.finetune.data.TextBlocks;
import org.retain4j.finetune.schedule.Schedule;

/**
 * The data and settings that all runs of a comparison share, and the runs themselves.
 *
 * <p>Safe for all threads: every run works on its own copy of the model.
 */
final class Experiment {

    static final int BATCH_SIZE = 8;
    static final int BLOCK = 128;
    static final double WARMUP_RATIO = 0.1;

    private static final int CURVE_POINTS = 5;
    private static final int SAMPLE_TOKENS = 60;
    private static final double SAMPLE_TEMPERATURE = 0.7;
    private static final int MAX_WINDOW = 512;

    private final CausalLm base;
    private final TaskMeasures tasks;
    private final TextSplit learn;
    private final TextSplit retain;
    private final int block;
    private final BitsPerByte learned;
    private final BitsPerByte retained;
    private final BitsPerByte learnedValidation;
    private final BitsPerByte retainedValidation;
    private final double baseValidation;
    private final TextBlocks learnBlocks;
    private final TextBlocks retainBlocks;
    private final DocumentScores baseLearned;
    private final DocumentScores baseRetained;

    Experiment(CausalLm base, TextSplit learn, TextSplit retain, TaskMeasures tasks) {
        this.base = base;
        this.tasks = tasks;
        this.learn = learn;
        this.retain = retain;
        block = Math.min(BLOCK, base.spec().maxPositions());
        int window = Math.min(MAX_WINDOW, base.spec().maxPositions());
        learned = BitsPerByte.of(learn.heldOut(), base.tokenizer(), window);
        retained = BitsPerByte.of(retain.heldOut(), base.tokenizer(), window);
        learnedValidation = BitsPerByte.of(learn.validation(), base.tokenizer(), window);
        retainedValidation = BitsPerByte.of(retain.validation(), base.tokenizer(), window);
        learnBlocks = blocks(learn);
        retainBlocks = blocks(retain);
        baseLearned = learned.score(base);
        baseRetained = retained.score(base);
        baseValidation = learnedValidation.score(base).bitsPerByte();
    }

    private TextBlocks blocks(TextSplit text) {
        try {
            return TextBlocks.of(text.train(), base.tokenizer(), block, 0);
        } catch (IllegalArgumentException e) {
            throw new IllegalArgumentException(text.name() + ": " + e.getMessage(), e);
        }
    }

    int block() {
        return block;
    }

    CausalLm base() {
        return base;
    }

    /** Returns the base model's scores on the held-out part of the new text. */
    DocumentScores baseLearned() {
        return baseLearned;
    }

    /** Returns the base model's scores on the held-out part of the old text. */
    DocumentScores baseRetained() {
        return baseRetained;
    }

    /** Returns the base model's bits per byte on the validation part of the new text. */
    double baseValidation() {
        return baseValidation;
    }

    /** Hears of steps, to count them. */
    interface Ticks {
        void tick();
    }

    /**
     * Trains shortly and scores the validation parts of both texts; NaN when the run diverges.
     *
     * @param averages methods to apply to the trained model in place of scoring it; empty to score
     *     the model itself
     */
    List<MethodTrial> trial(
            Method method,
            List<Method> averages,
            double learningRate,
            long steps,
            long seed,
            Ticks ticks) {
        try (CausalLm model = base.copy();
                Method.Run run = run(model, steps, seed)) {
            long[] done = {0};
            try {
                train(
                        run,
                        method,
                        learningRate,
                        steps,
                        report -> {
                            done[0]++;
                            ticks.tick();
                        });
            } catch (TrainingException e) {
                for (long step = done[0]; step < steps; step++) {
                    ticks.tick();
                }
                return averages.isEmpty()
                        ? List.of(diverged(method, learningRate))
                        : averages.stream().map(m -> diverged(m, learningRate)).toList();
            }
            if (averages.isEmpty()) {
                return List.of(validated(method, learningRate, model));
            }
            List<MethodTrial> trials = new ArrayList<>();
            for (Method average : averages) {
                try (CausalLm mixed = model.copy()) {
                    Objects.requireNonNull(average.afterwards()).apply(mixed, base);
                    trials.add(validated(average, learningRate, mixed));
                }
            }
            return trials;
        }
    }

    private MethodTrial validated(Method method, double learningRate, CausalLm model) {
        return new MethodTrial(
                learningRate,
                method.strength(),
                learnedValidation.score(model).bitsPerByte(),
                retainedValidation.score(model).bitsPerByte(),
                false);
    }

    private static MethodTrial diverged(Method method, double learningRate) {
        return new MethodTrial(learningRate, method.strength(), Double.NaN, Double.NaN, false);
    }

    private record Trained(TrainResult result, long overheadTokens, long memoryBytes) {}

    private Method.Run run(CausalLm model, long steps, long seed) {
        return new Method.Run(
                model, base, retainBlocks.withSeed(seed), seed, steps * BATCH_SIZE, block);
    }

    /** Trains the model of a run; what its method attached stays until the run is closed. */
    private Trained train(
            Method.Run run, Method method, double learningRate, long steps, StepListener listener) {
        TrainOptions options =
                TrainOptions.defaults()
                        .withSteps(steps)
                        .withBatch(BATCH_SIZE, 1)
                        .withLearningRate(learningRate)
                        .withSchedule(Schedule.cosine(Math.round(steps * WARMUP_RATIO), 0));
        Trainer trainer =
                Trainer.of(run.model(), learnBlocks.withSeed(run.seed()))
                        .options(options)
                        .onStep(listener);
        method.attachment().attach(trainer, run);
        TrainResult result = trainer.run();
        run.trained();
        return new Trained(result, run.overheadTokens(), run.memoryBytes());
    }

    /**
     * What one run of one method came to.
     *
     * @param learned scores on the held-out part of the new text
     * @param retained scores on the held-out part of the old text
     * @param samples texts of the tuned model; empty unless asked for
     * @param tasks scores on the tasks
     */
    record Outcome(
            DocumentScores learned,
            DocumentScores retained,
            Curve curve,
            long newTokens,
            long replayedTokens,
            long overheadTokens,
            long memoryBytes,
            double seconds,
            List<TextSample> samples,
            TaskMeasures.Measured tasks) {}

    /**
     * Trains and measures one method, and the averages with the base model that are wanted of it.
     *
     * @param averages methods that average the result with the base model afterwards
     * @return the outcome of the method, then one for each average
     */
    List<Outcome> run(
            Method method,
            List<Method> averages,
            double learningRate,
            long steps,
            long seed,
            boolean withSamples,
            Ticks ticks) {
        long start = System.nanoTime();
        long[] measuring = {0};
        CurveRecorder curve = new CurveRecorder(seed, true);
        try (CausalLm model = base.copy();
                Method.Run run = run(model, steps, seed)) {
            long every = Math.max(1, steps / CURVE_POINTS);
            Trained trained =
                    train(
                            run,
                            method,
                            learningRate,
                            steps,
                            report -> {
                                if (report.step() % every == 0 && report.step() < steps) {
                                    long before = System.nanoTime();
                                    curve.add((int) report.step(), model, report.loss());
                                    measuring[0] += System.nanoTime() - before;
                                }
                                curve.lastLoss(report);
                                ticks.tick();
                            });
            double seconds = (System.nanoTime() - start - measuring[0]) / 1e9;
            List<Outcome> outcomes = new ArrayList<>();
            outcomes.add(finish(model, curve, trained, steps, seconds, seed, withSamples));
            for (Method average : averages) {
                long averaging = System.nanoTime();
                try (CausalLm mixed = model.copy()) {
                    Objects.requireNonNull(average.afterwards()).apply(mixed, base);
                    Trained withBase =
                            new Trained(
                                    trained.result(),
                                    trained.overheadTokens(),
                                    trained.memoryBytes() + run.weightBytes());
                    // an average has no course of its own, only an end
                    CurveRecorder end = new CurveRecorder(seed, false);
                    end.loss = curve.loss;
                    double total = seconds + (System.nanoTime() - averaging) / 1e9;
                    outcomes.add(finish(mixed, end, withBase, steps, total, seed, withSamples));
                }
            }
            return outcomes;
        }
    }

    private Outcome finish(
            CausalLm model,
            CurveRecorder curve,
            Trained trained,
            long steps,
            double seconds,
            long seed,
            boolean withSamples) {
        DocumentScores ofLearned = learned.score(model);
        DocumentScores ofRetained = retained.score(model);
        curve.add((int) steps, ofLearned, ofRetained, curve.loss);
        return new Outcome(
                ofLearned,
                ofRetained,
                curve.toCurve(),
                trained.result().newTokens(),
                trained.result().replayedTokens(),
                trained.overheadTokens(),
                trained.memoryBytes(),
                seconds,
                withSamples ? samples(model, seed) : List.of(),
                tasks.measure(model));
    }

    /** Lets a model go on from the first words of a held-out document of each text. */
    List<TextSample> samples(CausalLm model, long seed) {
        Generator generator = new Generator(model, Sampling.temperature(SAMPLE_TEMPERATURE));
        List<TextSample> samples = new ArrayList<>();
        try (Scope scope = Scope.open()) {
            for (TextSplit text : List.of(learn, retain)) {
                String prompt = text.prompt();
                samples.add(
                        new TextSample(prompt, generator.generate(prompt, SAMPLE_TOKENS, seed)));
            }
        }
        return samples;
    }

    /** Collects the points of a learning and forgetting curve. */
    private final class CurveRecorder {
        private final long seed;
        private final List<Integer> steps = new ArrayList<>();
        private final List<Double> learnedPoints = new ArrayList<>();
        private final List<Double> retainedPoints = new ArrayList<>();
        private final List<Double> losses = new ArrayList<>();
        private double loss = Double.NaN;

        CurveRecorder(long seed, boolean fromBase) {
            this.seed = seed;
            if (fromBase) {
                add(0, baseLearned, baseRetained, Double.NaN);
            }
        }

        void lastLoss(StepReport report) {
            loss = report.loss();
        }

        void add(int step, CausalLm model, double trainLoss) {
            add(step, learned.score(model), retained.score(model), trainLoss);
        }

        void add(int step, DocumentScores ofLearned, DocumentScores ofRetained, double trainLoss) {
            steps.add(step);
            learnedPoints.add(ofLearned.bitsPerByte());
            retainedPoints.add(ofRetained.bitsPerByte());
            losses.add(trainLoss);
        }

        Curve toCurve() {
            return new Curve(seed, steps, learnedPoints, retainedPoints, losses);
        }
    }
}
