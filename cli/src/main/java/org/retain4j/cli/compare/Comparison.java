package org.retain4j.cli.compare;

import java.io.IOException;
import java.time.OffsetDateTime;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.Callable;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.retain4j.cli.Versions;
import org.retain4j.core.model.CausalLm;
import org.retain4j.core.model.Pretrained;
import org.retain4j.core.nn.Parameter;
import org.retain4j.core.tensor.Device;
import org.retain4j.core.tensor.Precision;
import org.retain4j.core.tensor.TensorEngine;
import org.retain4j.evaluation.metrics.DocumentScores;
import org.retain4j.evaluation.report.ComparisonResult;
import org.retain4j.evaluation.report.Curve;
import org.retain4j.evaluation.report.MethodResult;
import org.retain4j.evaluation.report.MethodTrial;
import org.retain4j.evaluation.statistics.ClusteredBootstrap;
import org.retain4j.evaluation.statistics.Estimate;

/**
 * Fine-tunes a model on new text with every method at one budget of tokens, and measures what each
 * learned and what it forgot.
 *
 * <p>All methods see the same rows of new text in the same order, get the same number of rows (old
 * rows count), and choose learning rate and strength from the same number of trials on validation
 * parts of both texts. The held-out parts are read for measuring alone.
 */
public final class Comparison {

    private static final int TRIALS = 5;
    private static final int TRIAL_PART = 4;
    private static final long SMALL_MODEL = 5_000_000;
    private static final long BOOTSTRAP_SEED = 20_000;

    private final ComparisonOptions options;
    private final ComparisonProgress progress;
    private final List<Method> methods;
    private long done;
    private long total;

    private Comparison(ComparisonOptions options, ComparisonProgress progress) {
        this.options = options;
        this.progress = progress;
        this.methods = Methods.parse(options.methods());
    }

    /**
     * Runs a comparison.
     *
     * @throws IOException if model or texts cannot be read
     * @throws IllegalArgumentException if a method is unknown or a text too short
     */
    public static ComparisonResult run(ComparisonOptions options, ComparisonProgress progress)
            throws IOException {
        return new Comparison(options, progress).run();
    }

    private ComparisonResult run() throws IOException {
        long start = System.nanoTime();
        OffsetDateTime createdAt = OffsetDateTime.now().truncatedTo(ChronoUnit.SECONDS);
        TextSplit learn = TextSplit.read(options.learn(), "tinyshakespeare");
        TextSplit retain = TextSplit.read(options.retain(), "tinystories");
        Device device = options.device() == null ? TensorEngine.defaultDevice() : options.device();
        int threadsBefore = TensorEngine.threads();
        try (CausalLm base = Pretrained.load(options.model(), device, Precision.F32)) {
            TaskMeasures tasks = TaskMeasures.of(options, learn, retain);
            Experiment experiment = new Experiment(base, learn, retain, tasks);
            int workers = workers(base, threadsBefore);
            TensorEngine.setThreads(workers > 1 ? 1 : threadsBefore);
            ExecutorService pool = Executors.newFixedThreadPool(workers);
            try {
                return compare(experiment, learn, retain, tasks, createdAt, start, pool, workers);
            } finally {
                stop(pool);
            }
        } finally {
            TensorEngine.setThreads(threadsBefore);
        }
    }

    /** Waits for the runs to end: their models must not be closed under them. */
    private static void stop(ExecutorService pool) {
        pool.shutdownNow();
        boolean interrupted = false;
        while (true) {
            try {
                if (pool.awaitTermination(1, TimeUnit.MINUTES)) {
                    break;
                }
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    /**
     * Small models compute too little a step for two threads to share: run two of them side by side
     * instead.
     */
    private static int workers(CausalLm base, int threads) {
        long size = base.parameters().stream().mapToLong(Parameter::elements).sum();
        return size <= SMALL_MODEL && !base.device().isCuda() ? threads : 1;
    }

    private ComparisonResult compare(
            Experiment experiment,
            TextSplit learn,
            TextSplit retain,
            TaskMeasures tasks,
            OffsetDateTime createdAt,
            long start,
            ExecutorService pool,
            int workers)
            throws IOException {
        List<Method> trained = methods.stream().filter(m -> m.afterwards() == null).toList();
        List<Method> averages = methods.stream().filter(m -> m.afterwards() != null).toList();
        long trialSteps = Math.max(1, options.steps() / TRIAL_PART);
        total =
                trained.size() * (TRIALS * trialSteps + (long) options.seeds() * options.steps())
                        + (averages.isEmpty() ? 0 : trialSteps);
        DocumentScores baseLearned = experiment.baseLearned();
        DocumentScores baseRetained = experiment.baseRetained();

        Map<Method, Trials.Choice> choices = choices(experiment, trained, trialSteps, pool);
        averageChoices(experiment, averages, trialSteps, choices, pool);
        Map<Method, List<Experiment.Outcome>> outcomes =
                runs(experiment, trained, averages, choices, pool);

        ClusteredBootstrap bootstrap = ClusteredBootstrap.seeded(BOOTSTRAP_SEED);
        List<Experiment.Outcome> plain =
                Objects.requireNonNull(outcomes.get(methods.get(0)), "plain always runs");
        List<MethodResult> results = new ArrayList<>();
        for (Method method : methods) {
            results.add(
                    summary(
                            Objects.requireNonNull(choices.get(method)),
                            Objects.requireNonNull(outcomes.get(method)),
                            plain,
                            bootstrap));
        }
        Map<String, Object> settings = settings(experiment, learn, retain, trialSteps);
        Map<String, Object> environment = environment(workers, experiment.base().device());
        if (!tasks.isEmpty()) {
            tasks.write(
                    experiment.base(),
                    baseLearned,
                    baseRetained,
                    outcomes,
                    createdAt.toString(),
                    settings,
                    environment);
        }
        return new ComparisonResult(
                Versions.retain4j(),
                createdAt.toString(),
                options.model(),
                learn.name(),
                retain.name(),
                bootstrap.estimate(rows(baseLearned, 1), baseLearned.bytes()),
                bootstrap.estimate(rows(baseRetained, 1), baseRetained.bytes()),
                experiment.samples(experiment.base(), 1),
                results,
                settings,
                environment,
                (System.nanoTime() - start) / 1e9);
    }

    private Map<Method, Trials.Choice> choices(
            Experiment experiment, List<Method> trained, long steps, ExecutorService pool) {
        Map<Method, Trials> trials = new LinkedHashMap<>();
        trained.forEach(method -> trials.put(method, new Trials(method)));
        tryOut(experiment, trials, Trials::first, steps, pool);
        tryOut(experiment, trials, Trials::second, steps, pool);
        Map<Method, Trials.Choice> choices = new LinkedHashMap<>();
        trials.forEach((method, t) -> choices.put(method, t.choose(experiment.baseValidation())));
        return choices;
    }

    private void tryOut(
            Experiment experiment,
            Map<Method, Trials> trials,
            Function<Trials, List<Trials.Candidate>> wanted,
            long steps,
            ExecutorService pool) {
        List<Trials> owners = new ArrayList<>();
        List<Callable<MethodTrial>> jobs = new ArrayList<>();
        for (Trials of : trials.values()) {
            for (Trials.Candidate candidate : wanted.apply(of)) {
                double rate = candidate.learningRate();
                Method method = candidate.method();
                String what = "trial of " + method.title() + ", learning rate " + rate;
                owners.add(of);
                jobs.add(
                        () ->
                                experiment
                                        .trial(method, List.of(), rate, steps, 1, () -> tick(what))
                                        .get(0));
            }
        }
        List<MethodTrial> results = all(jobs, pool);
        for (int i = 0; i < results.size(); i++) {
            owners.get(i).add(results.get(i));
        }
    }

    /** Averages are made of the plain runs, with their learning rate; they try strengths alone. */
    private void averageChoices(
            Experiment experiment,
            List<Method> averages,
            long steps,
            Map<Method, Trials.Choice> choices,
            ExecutorService pool) {
        if (averages.isEmpty()) {
            return;
        }
        Method plain = methods.get(0);
        double rate = Objects.requireNonNull(choices.get(plain)).learningRate();
        List<Method> tried = new ArrayList<>();
        List<Method> owners = new ArrayList<>();
        for (Method average : averages) {
            for (double strength : average.strengths()) {
                tried.add(Methods.with(average, strength));
                owners.add(average);
            }
        }
        Callable<List<MethodTrial>> job =
                () ->
                        experiment.trial(
                                plain, tried, rate, steps, 1, () -> tick("trials of averages"));
        List<MethodTrial> results = all(List.of(job), pool).get(0);
        for (Method average : averages) {
            Trials trials = new Trials(average);
            for (int i = 0; i < owners.size(); i++) {
                if (owners.get(i) == average) {
                    trials.add(results.get(i));
                }
            }
            choices.put(average, trials.choose(experiment.baseValidation()));
        }
    }

    private Map<Method, List<Experiment.Outcome>> runs(
            Experiment experiment,
            List<Method> trained,
            List<Method> averages,
            Map<Method, Trials.Choice> choices,
            ExecutorService pool) {
        List<Callable<List<Experiment.Outcome>>> jobs = new ArrayList<>();
        for (Method method : trained) {
            List<Method> after =
                    method != methods.get(0)
                            ? List.of()
                            : averages.stream()
                                    .map(m -> Objects.requireNonNull(choices.get(m)).method())
                                    .toList();
            Trials.Choice choice = Objects.requireNonNull(choices.get(method));
            for (int seed = 1; seed <= options.seeds(); seed++) {
                long s = seed;
                jobs.add(
                        () -> {
                            String what = method.name() + " seed " + s;
                            return experiment.run(
                                    choice.method(),
                                    after,
                                    choice.learningRate(),
                                    options.steps(),
                                    s,
                                    s == 1,
                                    () -> tick(what));
                        });
            }
        }
        List<List<Experiment.Outcome>> results = all(jobs, pool);
        Map<Method, List<Experiment.Outcome>> byMethod = new LinkedHashMap<>();
        for (int m = 0; m < trained.size(); m++) {
            List<List<Experiment.Outcome>> ofSeeds =
                    results.subList(m * options.seeds(), (m + 1) * options.seeds());
            byMethod.put(trained.get(m), ofSeeds.stream().map(list -> list.get(0)).toList());
            if (m == 0) {
                for (int a = 0; a < averages.size(); a++) {
                    int index = a + 1;
                    byMethod.put(
                            averages.get(a),
                            ofSeeds.stream().map(list -> list.get(index)).toList());
                }
            }
        }
        return byMethod;
    }

    private synchronized void tick(String what) {
        done++;
        progress.update(done, total, what);
    }

    private static <T> List<T> all(List<Callable<T>> jobs, ExecutorService pool) {
        List<Future<T>> futures = jobs.stream().map(pool::submit).toList();
        List<T> results = new ArrayList<>();
        try {
            for (Future<T> future : futures) {
                results.add(future.get());
            }
            return results;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new CancellationException("interrupted");
        } catch (ExecutionException e) {
            if (e.getCause() instanceof RuntimeException cause) {
                throw cause;
            }
            if (e.getCause() instanceof Error cause) {
                throw cause;
            }
            throw new IllegalStateException(e.getCause());
        } finally {
            futures.forEach(future -> future.cancel(true));
        }
    }

    private static MethodResult summary(
            Trials.Choice choice,
            List<Experiment.Outcome> outcomes,
            List<Experiment.Outcome> plain,
            ClusteredBootstrap bootstrap) {
        Method method = choice.method();
        double[][] learned = bits(outcomes, true);
        double[][] retained = bits(outcomes, false);
        long[] learnedBytes = outcomes.get(0).learned().bytes();
        long[] retainedBytes = outcomes.get(0).retained().bytes();
        boolean reference = method.info().name().equals(Methods.PLAIN);
        @Nullable Estimate learnedMinusPlain =
                reference ? null : bootstrap.difference(learned, bits(plain, true), learnedBytes);
        @Nullable Estimate retainedMinusPlain =
                reference
                        ? null
                        : bootstrap.difference(retained, bits(plain, false), retainedBytes);
        List<Curve> curves = outcomes.stream().map(Experiment.Outcome::curve).toList();
        Experiment.Outcome first = outcomes.get(0);
        double seconds =
                outcomes.stream().mapToDouble(Experiment.Outcome::seconds).average().orElse(0);
        return new MethodResult(
                method.name(),
                method.title(),
                method.info().paper(),
                method.options(),
                choice.learningRate(),
                choice.trials(),
                bootstrap.estimate(learned, learnedBytes),
                bootstrap.estimate(retained, retainedBytes),
                learnedMinusPlain,
                retainedMinusPlain,
                curves,
                first.newTokens(),
                first.replayedTokens(),
                first.overheadTokens(),
                first.memoryBytes(),
                seconds,
                first.samples());
    }

    private static double[][] bits(List<Experiment.Outcome> outcomes, boolean learned) {
        return outcomes.stream()
                .map(outcome -> (learned ? outcome.learned() : outcome.retained()).bits())
                .toArray(double[][]::new);
    }

    private static double[][] rows(DocumentScores scores, int seeds) {
        double[][] rows = new double[seeds][];
        Arrays.fill(rows, scores.bits());
        return rows;
    }

    private Map<String, Object> settings(
            Experiment experiment, TextSplit learn, TextSplit retain, long trialSteps) {
        Map<String, Object> settings = new LinkedHashMap<>();
        settings.put("steps", options.steps());
        settings.put("batch_size", Experiment.BATCH_SIZE);
        settings.put("max_length", experiment.block());
        settings.put(
                "token_budget",
                (long) options.steps() * Experiment.BATCH_SIZE * experiment.block());
        settings.put("seeds", options.seeds());
        settings.put("optimizer", "AdamW, betas 0.9 and 0.999, eps 1e-8, no weight decay");
        settings.put("lr_scheduler_type", "cosine to 0");
        settings.put("warmup_ratio", Experiment.WARMUP_RATIO);
        settings.put("max_grad_norm", 1.0);
        settings.put("precision", "f32");
        settings.put("learning_rate_trials", Methods.LEARNING_RATES);
        settings.put("trials_of_a_method", TRIALS);
        settings.put("trial_steps", trialSteps);
        settings.put(
                "trial_rule",
                "fewest bits per byte on the validation part of the old text among those with at"
                        + " least 90 % of the best one's gain on that of the new text, seed 1");
        settings.put("bootstrap", "10000 resamples of seeds and documents, paired with plain");
        for (TextSplit text : List.of(learn, retain)) {
            String key = text == learn ? "learn_" : "retain_";
            settings.put(key + "train_documents", text.train().size());
            settings.put(key + "validation_documents", text.validation().size());
            settings.put(key + "heldout_documents", text.heldOut().size());
            settings.put(key + "sha256", text.sha256());
        }
        return settings;
    }

    private static Map<String, Object> environment(int workers, Device device) {
        Map<String, Object> environment = new LinkedHashMap<>();
        environment.put("java", System.getProperty("java.vm.name") + " " + Runtime.version());
        environment.put("os", System.getProperty("os.name") + " " + System.getProperty("os.arch"));
        environment.put("cores", Runtime.getRuntime().availableProcessors());
        environment.put("runs_at_once", workers);
        environment.put("threads_of_an_operator", TensorEngine.threads());
        environment.put("libtorch", TensorEngine.libtorchVersion());
        environment.put("djl", TensorEngine.djlVersion());
        environment.put("device", device.toString());
        return environment;
    }
}
