package org.retain4j.cli.recipe;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.retain4j.cli.bench.PeakMemory;
import org.retain4j.cli.evaluate.TrainingOverlap;
import org.retain4j.cli.recipe.Recipe.Asked;
import org.retain4j.cli.recipe.Recipe.Variant;
import org.retain4j.cli.train.FineTuning;
import org.retain4j.cli.train.FinetuneRun;
import org.retain4j.cli.usage.UsageException;
import org.retain4j.core.io.AtomicFile;
import org.retain4j.core.io.Folders;
import org.retain4j.core.io.Sha256;
import org.retain4j.core.model.CausalLm;
import org.retain4j.evaluation.report.EvaluationReport;
import org.retain4j.evaluation.tasks.EvaluationJson;
import org.retain4j.evaluation.tasks.Evaluator;
import org.retain4j.evaluation.tasks.ResponseCache;
import org.retain4j.evaluation.tasks.TaskResult;
import org.retain4j.finetune.TrainResult;
import org.retain4j.finetune.TrainingException;
import org.retain4j.finetune.checkpoint.Checkpoints;
import org.retain4j.lora.Lora;
import org.retain4j.regularization.WiseFt;

/**
 * Runs a recipe: the base model, the trials, then every method with every seed, each trained and
 * measured on the tasks.
 *
 * <p>What a run came to is written when it is done, and a recipe that is started again does only
 * what is missing; a run that was killed goes on from its newest checkpoint. Used once, by one
 * thread.
 */
public final class RecipeRun {

    /** Finds models. */
    @FunctionalInterface
    public interface Models {
        /** Returns where a model lies; null for the embedded one. */
        @Nullable Path locate(String model) throws IOException;
    }

    private static final JsonMapper JSON =
            JsonMapper.builder().enable(SerializationFeature.INDENT_OUTPUT).build();

    /** Name of the report in the folder of the comparison. */
    public static final String REPORT = "report.html";

    private static final String RESULT = "result.json";
    private static final String TRIAL = "trial-";

    private final Recipe recipe;
    private final Models models;
    private final Map<String, Object> provenance;
    private final FineTuning.Display display;
    private final Map<String, String> data = new HashMap<>();
    private final Map<String, RecipeResult.Cost> costs = new HashMap<>();
    private final String tasks;

    /**
     * Prepares a recipe.
     *
     * @param provenance what run.json of every run tells besides
     */
    public RecipeRun(
            Recipe recipe,
            Models models,
            Map<String, Object> provenance,
            FineTuning.Display display)
            throws IOException {
        this.recipe = recipe;
        this.models = models;
        this.provenance = provenance;
        this.display = display;
        StringBuilder text = new StringBuilder();
        for (Asked task : recipe.tasks()) {
            text.append(task.step().task().config())
                    .append(task.step().data().rows().size())
                    .append(task.options())
                    .append(task.metric());
        }
        tasks = text.toString();
    }

    /** Runs all that is missing and returns the whole. */
    public RecipeResult run() throws IOException {
        TrainingOverlap overlap = HeldOutGuard.check(recipe, models);
        overlap.lines().forEach(display::note);
        Files.createDirectories(recipe.folder());
        RunScores base = base();
        Map<String, List<Trial>> trials = new LinkedHashMap<>();
        Map<String, Map<String, JsonNode>> chosen = new LinkedHashMap<>();
        for (Variant method : recipe.methods()) {
            if (method.trials().isEmpty()) {
                chosen.put(method.name(), Map.of());
                continue;
            }
            List<Trial> tried = new ArrayList<>();
            for (Map<String, JsonNode> changes : method.trials()) {
                tried.add(trial(method, tried.size() + 1, changes));
            }
            trials.put(method.name(), tried);
            chosen.put(
                    method.name(),
                    Trial.best(method.name(), tried, recipe.config().choose.tolerance).changes());
        }
        Map<String, List<RunScores>> scores = new LinkedHashMap<>();
        recipe.methods().forEach(method -> scores.put(method.name(), new ArrayList<>()));
        // seed by seed, so that an interrupted comparison has all methods with fewer seeds
        for (long seed : recipe.config().seeds) {
            for (Variant method : recipe.methods()) {
                if (method.averageOf() == null) {
                    Map<String, JsonNode> changes =
                            Objects.requireNonNull(chosen.get(method.name()));
                    train(method, changes, seed)
                            .forEach(
                                    (name, run) ->
                                            Objects.requireNonNull(scores.get(name)).add(run));
                }
            }
        }
        EvaluationReport.write(
                RecipeReport.summary(recipe, base, scores, chosen, costs, overlap, this::folder),
                recipe.folder().resolve(REPORT));
        return RecipeResult.of(recipe, base, scores, trials, chosen, costs, overlap);
    }

    private RunScores base() throws IOException {
        Variant first = recipe.methods().get(0);
        Path folder = recipe.folder().resolve(Recipe.BASE);
        FinetuneRun run =
                FinetuneRun.of(
                        Recipe.BASE,
                        first.run(Recipe.tries(first).get(0), 0, folder.resolve("run")));
        String key = hash(run.model() + tasks);
        RunScores known = known(folder, key, RunScores.class);
        if (known != null) {
            return known;
        }
        display.note("base model");
        PeakMemory.reset();
        try (CausalLm model = run.load(models.locate(run.model()))) {
            long started = System.nanoTime();
            List<TaskScores> tasks = measure(model, folder, key);
            RunScores scores =
                    new RunScores(
                            key,
                            Recipe.BASE,
                            0,
                            0,
                            0,
                            0,
                            0,
                            since(started),
                            PeakMemory.bytes(),
                            tasks);
            write(folder, scores);
            return scores;
        }
    }

    private Trial trial(Variant method, int number, Map<String, JsonNode> changes)
            throws IOException {
        Path folder = recipe.folder().resolve(method.name()).resolve(TRIAL + number);
        Map<String, JsonNode> all = new LinkedHashMap<>(changes);
        all.put("max_steps", JSON.getNodeFactory().numberNode(recipe.config().choose.maxSteps));
        all.put("sample_tokens", JSON.getNodeFactory().numberNode(0));
        FinetuneRun run =
                FinetuneRun.of(
                        "methods." + method.name(),
                        method.run(all, recipe.config().choose.seed, folder.resolve("run")));
        try (FinetuneRun.Prepared prepared = prepare(run)) {
            String key = hash(settings(run) + dataHash(run, prepared));
            Trial known = known(folder, key, Trial.class);
            if (known != null) {
                return known;
            }
            display.note("trial %d of %s: %s".formatted(number, method.name(), changes));
            Double[] rises = new Double[2];
            try {
                prepared.measure(
                        checkpoint(run),
                        provenance,
                        display,
                        (model, lora, result, measured) -> {
                            rises[0] = measured.get("eval_rise");
                            rises[1] = measured.get("retain_rise");
                        });
            } catch (TrainingException diverged) {
                display.note("%s: %s".formatted(method.name(), diverged.getMessage()));
            }
            Trial trial = new Trial(key, changes, rises[0], rises[1]);
            write(folder, trial);
            Folders.delete(folder.resolve("run"));
            return trial;
        }
    }

    /** Trains and measures a method, and the averages that are made of its model. */
    private Map<String, RunScores> train(Variant method, Map<String, JsonNode> changes, long seed)
            throws IOException {
        Path folder = folder(method, seed);
        FinetuneRun run =
                FinetuneRun.of(
                        "methods." + method.name(),
                        method.run(changes, seed, folder.resolve("run")));
        List<Variant> averages =
                recipe.methods().stream()
                        .filter(other -> method.name().equals(other.averageOf()))
                        .sorted(Comparator.comparingDouble(Variant::alpha).reversed())
                        .toList();
        Map<String, RunScores> scores = new LinkedHashMap<>();
        try (FinetuneRun.Prepared prepared = prepare(run)) {
            String key = hash(settings(run) + dataHash(run, prepared) + tasks);
            scores = known(method, averages, seed, key);
            cost(prepared, scores);
            if (scores.size() == 1 + averages.size()) {
                return scores;
            }
            display.note("%s, seed %d".formatted(method.name(), seed));
            Map<String, RunScores> measured = new LinkedHashMap<>();
            long started = System.nanoTime();
            PeakMemory.reset();
            prepared.measure(
                    checkpoint(run),
                    provenance,
                    display,
                    (model, lora, result, losses) -> {
                        double seconds = since(started);
                        measured.put(
                                method.name(), scores(method, seed, key, seconds, result, model));
                        double share = 1;
                        for (Variant average : averages) {
                            average(run, model, lora, average.alpha(), share);
                            share = average.alpha();
                            measured.put(
                                    average.name(),
                                    scores(
                                            average,
                                            seed,
                                            key + average.alpha(),
                                            seconds,
                                            result,
                                            model));
                        }
                    });
            for (Path checkpoint : Checkpoints.list(run.folder())) {
                Folders.delete(checkpoint);
            }
            cost(prepared, measured);
            return measured;
        }
    }

    private void cost(FinetuneRun.Prepared prepared, Map<String, RunScores> scores) {
        scores.forEach(
                (name, run) ->
                        costs.put(
                                name,
                                new RecipeResult.Cost(
                                        prepared.memoryBytes(),
                                        prepared.extraTokens(
                                                run.newTokens() + run.replayedTokens()))));
    }

    private Map<String, RunScores> known(
            Variant method, List<Variant> averages, long seed, String key) throws IOException {
        Map<String, RunScores> known = new LinkedHashMap<>();
        RunScores own = known(folder(method, seed), key, RunScores.class);
        if (own != null) {
            known.put(method.name(), own);
        }
        for (Variant average : averages) {
            RunScores made = known(folder(average, seed), key + average.alpha(), RunScores.class);
            if (made != null) {
                known.put(average.name(), made);
            }
        }
        return known;
    }

    private RunScores scores(
            Variant method,
            long seed,
            String key,
            double seconds,
            TrainResult result,
            CausalLm model)
            throws IOException {
        Path folder = folder(method, seed);
        long started = System.nanoTime();
        List<TaskScores> measured = measure(model, folder, key);
        RunScores scores =
                new RunScores(
                        key,
                        method.name(),
                        seed,
                        result.steps(),
                        result.newTokens(),
                        result.replayedTokens(),
                        seconds,
                        since(started),
                        PeakMemory.bytes(),
                        measured);
        write(folder, scores);
        return scores;
    }

    /** Moves a model that has a share of the tuned weights to a smaller share. */
    private void average(
            FinetuneRun run, CausalLm model, @Nullable Lora lora, double alpha, double share)
            throws IOException {
        if (lora != null) {
            lora.activate(Map.of(Lora.DEFAULT, alpha));
            return;
        }
        try (CausalLm base = run.load(models.locate(run.model()))) {
            new WiseFt(share > 0 ? alpha / share : 0).apply(model, base);
        }
    }

    private List<TaskScores> measure(CausalLm model, Path folder, String key) throws IOException {
        List<TaskScores> scores = new ArrayList<>();
        List<TaskResult> results = new ArrayList<>();
        Files.createDirectories(folder);
        try (ResponseCache cache = ResponseCache.open(folder.resolve("answers"), key)) {
            for (Asked asked : recipe.tasks()) {
                TaskResult result =
                        Evaluator.of(model, asked.options())
                                .withCache(cache)
                                .withListener(
                                        (task, done, total) -> display.update(done, total, task))
                                .run(asked.step().task(), asked.step().data());
                scores.add(TaskScores.of(result, asked.metric()));
                results.add(result);
                EvaluationJson.writeSamples(
                        result, folder.resolve("samples_" + result.task().name() + ".jsonl"));
            }
        }
        AtomicFile.write(
                folder.resolve("results.json"), EvaluationJson.of(results, Map.of("key", key)));
        // the samples hold all that the answers do
        Folders.delete(folder.resolve("answers"));
        return scores;
    }

    private FinetuneRun.Prepared prepare(FinetuneRun run) throws IOException {
        return run.prepare(models.locate(run.model()), line -> {});
    }

    private static @Nullable Path checkpoint(FinetuneRun run) throws IOException {
        Path newest = Checkpoints.latest(run.folder()).orElse(null);
        if (newest == null) {
            Folders.delete(run.folder());
            Files.createDirectories(run.folder());
        }
        return newest;
    }

    private Path folder(Variant method, long seed) {
        return recipe.folder().resolve(method.name()).resolve("seed-" + seed);
    }

    private static String settings(FinetuneRun run) throws JsonProcessingException {
        ObjectNode settings = run.settings();
        settings.remove("output_dir");
        return settings.toString();
    }

    private String dataHash(FinetuneRun run, FinetuneRun.Prepared prepared) throws IOException {
        String known = data.get(run.dataSettings());
        if (known == null) {
            known = prepared.dataHash();
            data.put(run.dataSettings(), known);
        }
        return known;
    }

    private static double since(long started) {
        return (System.nanoTime() - started) / 1e9;
    }

    private static String hash(String text) {
        return Sha256.of(text.getBytes(StandardCharsets.UTF_8));
    }

    /**
     * Returns what an earlier start has written, or null.
     *
     * @throws UsageException if it is of other settings
     */
    private static <T> @Nullable T known(Path folder, String key, Class<T> type)
            throws IOException {
        Path file = folder.resolve(RESULT);
        if (!Files.exists(file)) {
            return null;
        }
        JsonNode node = JSON.readTree(file.toFile());
        if (!node.path("key").asText().equals(key)) {
            throw new UsageException(
                    folder
                            + " holds results of other settings or data; remove it, or choose"
                            + " another output_dir");
        }
        return JSON.treeToValue(node, type);
    }

    private static void write(Path folder, Object result) throws IOException {
        Files.createDirectories(folder);
        AtomicFile.write(folder.resolve(RESULT), JSON.writeValueAsString(result) + "\n");
    }
}
