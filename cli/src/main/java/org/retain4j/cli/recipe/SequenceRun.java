package org.retain4j.cli.recipe;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.retain4j.cli.recipe.Recipe.Asked;
import org.retain4j.cli.recipe.RecipeConfig.TaskSection;
import org.retain4j.cli.recipe.SequenceConfig.LamolSection;
import org.retain4j.cli.recipe.SequenceConfig.OLoraSection;
import org.retain4j.cli.recipe.SequenceConfig.OnlineEwcSection;
import org.retain4j.cli.recipe.SequenceConfig.StageSection;
import org.retain4j.cli.train.FineTuning;
import org.retain4j.cli.train.FinetuneRun;
import org.retain4j.cli.train.RunFile;
import org.retain4j.cli.usage.UsageException;
import org.retain4j.core.io.AtomicFile;
import org.retain4j.core.io.Folders;
import org.retain4j.core.io.Sha256;
import org.retain4j.core.model.CausalLm;
import org.retain4j.core.model.Pretrained;
import org.retain4j.evaluation.metrics.ScoreMatrix;
import org.retain4j.evaluation.tasks.Evaluator;
import org.retain4j.evaluation.tasks.TaskResult;
import org.retain4j.regularization.Importance;
import org.retain4j.replay.generation.Lamol;

/**
 * Learns tasks one after the other and measures all of them after each: continual learning.
 *
 * <p>A task is a run of {@code finetune} that starts from the model of the one before. What must
 * not be forgotten goes along: a running importance of all earlier tasks (online EWC), and rows of
 * their data (replay), all of it or what a bounded buffer keeps. A sequence that is started again
 * does only what is missing; a task that was interrupted goes on from its newest checkpoint. Used
 * once, by one thread.
 */
public final class SequenceRun {

    private static final JsonMapper JSON =
            JsonMapper.builder().enable(SerializationFeature.INDENT_OUTPUT).build();
    private static final String IMPORTANCE = "importance.safetensors";
    private static final String CONTINUAL = "continual.safetensors";
    private static final List<String> OLD_DATA = List.of("ewc", "agem", "gem", "gpm", "ogd");

    private final SequenceConfig config;
    private final List<String> names;
    private final List<ObjectNode> stages;
    private final List<Asked> tests;
    private final Path folder;

    private SequenceRun(
            SequenceConfig config, List<String> names, List<ObjectNode> stages, List<Asked> tests) {
        this.config = config;
        this.names = names;
        this.stages = stages;
        this.tests = tests;
        this.folder = Path.of(config.outputDir);
    }

    /**
     * Reads a sequence.
     *
     * @param changes {@code key=value} each, in place of what the file says
     * @throws UsageException on every mistake that can be seen without the model
     */
    public static SequenceRun read(Path file, List<String> changes) throws IOException {
        SequenceConfig config =
                RunFile.read(
                        file, changes, SequenceConfig.class, List.of("output_dir", "run", "tasks"));
        ObjectNode shared = config.run;
        if (shared == null || config.tasks.isEmpty()) {
            throw new UsageException(file + ": run and tasks are needed, name at least one task");
        }
        if (!(config.replayRatio >= 0 && config.replayRatio < 1)) {
            throw new UsageException(
                    file + ": replay_ratio must be in [0, 1), is " + config.replayRatio);
        }
        checkMethods(file, config);
        OnlineEwcSection ewc = config.onlineEwc;
        if (ewc != null
                && !(ewc.lambda >= 0 && ewc.gamma >= 0 && ewc.gamma <= 1 && ewc.sequences >= 1)) {
            throw new UsageException(
                    file
                            + ": online_ewc needs lambda from 0 on, gamma in [0, 1] and a sequence"
                            + " or more");
        }
        List<ObjectNode> stages = new ArrayList<>();
        List<TaskSection> tests = new ArrayList<>();
        for (Map.Entry<String, StageSection> task : config.tasks.entrySet()) {
            String at = file + ", tasks." + task.getKey();
            StageSection section = task.getValue();
            if (!task.getKey().matches("[A-Za-z0-9._-]{1,60}")) {
                throw new UsageException(at + " is no name; use letters, digits, points, dashes");
            }
            if (section == null || section.set == null || section.test == null) {
                throw new UsageException(at + " needs set, with its train, and test");
            }
            ObjectNode keys = Recipe.merged(shared, section.set);
            if (!keys.hasNonNull("train")) {
                throw new UsageException(at + ".set needs train, the data of the task");
            }
            if (config.lamol != null) {
                keys.put("packing", false);
            }
            ObjectNode checked = keys.deepCopy();
            checked.put("output_dir", task.getKey());
            if (config.osf) {
                checked.withObjectProperty("regularization").putObject("osf");
            }
            if (config.oLora != null) {
                put(checked, config.oLora, List.of());
            }
            FinetuneRun.of(at, checked);
            if (!stages.isEmpty()) {
                checkLater(at, checked, config, stages.get(0).get("train"));
            }
            stages.add(keys);
            tests.add(section.test);
        }
        return new SequenceRun(
                config,
                List.copyOf(config.tasks.keySet()),
                stages,
                Recipe.asked(tests, config.data));
    }

    private static void checkMethods(Path file, SequenceConfig config) {
        if (config.replay != null && config.replayRatio > 0) {
            throw new UsageException(
                    file + ": replay and replay_ratio are two ways to say one thing; give one");
        }
        if (config.lamol != null && (config.replay != null || config.replayRatio > 0)) {
            throw new UsageException(
                    file
                            + ": lamol lets the model write the rows that replay would read; give"
                            + " one of them");
        }
        JsonNode run = config.run;
        if (config.lamol != null && run != null && run.hasNonNull("lora")) {
            throw new UsageException(
                    file + ": with lora, lamol cannot train its new tokens; train the weights");
        }
        ObjectNode regularization = config.regularization;
        if (config.onlineEwc != null
                && regularization != null
                && (regularization.has("ewc") || regularization.has("continual"))) {
            throw new UsageException(
                    file
                            + ": online_ewc and regularization hold the same weights twice; give one"
                            + " of them");
        }
        if (config.buffer != null && config.buffer.capacity < 1) {
            throw new UsageException(file + ": buffer.capacity must be 1 or more");
        }
        if (config.buffer != null
                && config.replayRatio == 0
                && config.replay == null
                && (regularization == null || OLD_DATA.stream().noneMatch(regularization::has))) {
            throw new UsageException(
                    file + ": nothing reads the buffer; give replay, agem, gem, gpm or ogd");
        }
        if (config.lamol != null) {
            LamolSection own = config.lamol;
            try {
                new Lamol(own.gamma, own.topK, own.maxTokens, own.batchSize, 0);
            } catch (IllegalArgumentException e) {
                throw new UsageException(file + ": lamol: " + e.getMessage());
            }
        }
    }

    /** Checks the keys of a later task before the first one runs. */
    private static void checkLater(
            String at, ObjectNode keys, SequenceConfig config, JsonNode data) {
        ObjectNode later = keys.deepCopy();
        ArrayNode some = JSON.createArrayNode();
        add(some, data);
        withMethods(later, config, some, null);
        FinetuneRun.of(at, later);
    }

    /** Adds the methods of later tasks to the keys of a run. */
    private static void withMethods(
            ObjectNode keys, SequenceConfig config, ArrayNode old, @Nullable Path continual) {
        if (config.regularization != null) {
            ObjectNode section = keys.withObjectProperty("regularization");
            ObjectNode all = Recipe.merged(section, config.regularization);
            for (String name : OLD_DATA) {
                if (all.get(name) instanceof ObjectNode method
                        && !method.hasNonNull("data")
                        && !method.hasNonNull("importance_file")) {
                    method.set("data", old);
                }
            }
            if (continual != null && all.get("continual") instanceof ObjectNode method) {
                method.put("from", continual.toString());
            }
            keys.set("regularization", all);
        }
        if (config.replay != null || config.replayRatio > 0) {
            ObjectNode replay = keys.putObject("replay");
            if (config.replay != null) {
                replay.setAll(config.replay.deepCopy());
            } else {
                replay.put("ratio", config.replayRatio);
            }
            if (replay.get("ssr") instanceof ObjectNode ssr && !ssr.hasNonNull("data")) {
                ssr.set("data", old);
            }
            boolean written =
                    replay.hasNonNull("ssr")
                            || replay.hasNonNull("magpie")
                            || replay.hasNonNull("self_generated");
            if (!written && !replay.hasNonNull("data")) {
                replay.set("data", old);
            }
        }
    }

    private static void add(ArrayNode all, JsonNode train) {
        if (train.isArray()) {
            all.addAll((ArrayNode) train);
        } else {
            all.add(train);
        }
    }

    /** Returns whether a file describes a sequence: it has tasks that have a test. */
    public static boolean isSequence(Path file) throws IOException {
        if (!Files.isRegularFile(file)) {
            return false;
        }
        JsonNode root = RunFile.YAML.readTree(Files.readString(file, StandardCharsets.UTF_8));
        return root != null && root.path("tasks").isObject() && root.path("run").isObject();
    }

    /** Returns the folder of the sequence. */
    public Path folder() {
        return folder;
    }

    /**
     * One row of the matrix.
     *
     * @param key hash of the settings that it is of
     * @param scores score of each task, more is better
     */
    private record Row(String key, List<Double> scores) {}

    /**
     * Learns and measures all that is missing.
     *
     * @param provenance what run.json of every task tells besides
     */
    public SequenceResult run(
            RecipeRun.Models models, Map<String, Object> provenance, FineTuning.Display display)
            throws IOException {
        Files.createDirectories(folder);
        StringBuilder history = new StringBuilder(tests.toString()).append(methods());
        Row base = null;
        double[][] scores = new double[stages.size()][];
        Path before = null;
        for (int stage = 0; stage < stages.size(); stage++) {
            Path own = folder.resolve(names.get(stage));
            String at = "tasks." + names.get(stage);
            FinetuneRun run = FinetuneRun.of(at, keys(stage, before));
            Path model = before == null ? models.locate(run.model()) : before;
            if (config.lamol != null) {
                SequenceLamol lamol = lamol(run.seed());
                model = before == null ? lamol.base(run, model) : before;
                lamol.prepare(stage, run, model, display);
                run = FinetuneRun.of(at, lamolKeys(stage, model));
            }
            try (FinetuneRun.Prepared prepared = run.prepare(model, line -> {})) {
                history.append(stages.get(stage)).append(prepared.dataHash());
                String key = Sha256.of(history.toString().getBytes(StandardCharsets.UTF_8));
                if (base == null) {
                    base = base(key, run, model, display);
                }
                Row row = known(own, key);
                if (row == null) {
                    display.note(
                            "task %d of %d: %s"
                                    .formatted(stage + 1, stages.size(), names.get(stage)));
                    row = learn(stage, run, prepared, provenance, display, key);
                }
                scores[stage] = row.scores().stream().mapToDouble(Double::doubleValue).toArray();
            }
            before = run.modelFolder();
        }
        List<Double> joint = config.joint ? joint(models, provenance, display) : null;
        return SequenceResult.of(
                config.title,
                names,
                tests.stream().map(test -> test.step().task().name()).toList(),
                base == null ? List.of() : base.scores(),
                new ScoreMatrix(scores),
                joint);
    }

    /** Returns what goes along from task to task, as it decides the results. */
    private ObjectNode methods() {
        ObjectNode methods = JSON.valueToTree(config);
        return methods.retain(
                "online_ewc",
                "replay_ratio",
                "replay",
                "regularization",
                "buffer",
                "lamol",
                "o_lora",
                "osf");
    }

    private SequenceLamol lamol(long seed) {
        return new SequenceLamol(Objects.requireNonNull(config.lamol), names, folder, seed);
    }

    /** Returns the keys of a task whose rows LAMOL has written. */
    private ObjectNode lamolKeys(int stage, Path model) throws IOException {
        ObjectNode keys = keys(stage, model);
        LamolSection section = Objects.requireNonNull(config.lamol);
        ObjectNode train = keys.putObject("train");
        train.put("data", folder.resolve(names.get(stage)).resolve(SequenceLamol.DATA).toString());
        train.put("format", "tokenized");
        ObjectNode replay = keys.putObject("replay").putObject("lamol");
        replay.put("lambda", section.lambda);
        List<String> tasks = lamol(0).tasks();
        if (tasks != null) {
            tasks.forEach(replay.putArray("tasks")::add);
        }
        return keys;
    }

    /** Learns all tasks at once from the base model, with as many steps, and measures them. */
    private List<Double> joint(
            RecipeRun.Models models, Map<String, Object> provenance, FineTuning.Display display)
            throws IOException {
        Path own = folder.resolve("joint");
        ObjectNode keys = stages.get(0).deepCopy();
        ArrayNode train = keys.putArray("train");
        stages.forEach(stage -> add(train, stage.get("train")));
        if (keys.hasNonNull("max_steps")) {
            keys.put("max_steps", keys.get("max_steps").asLong() * stages.size());
        }
        keys.put("output_dir", own.resolve("run").toString());
        FinetuneRun run = FinetuneRun.of("joint", keys);
        try (FinetuneRun.Prepared prepared = run.prepare(models.locate(run.model()), line -> {})) {
            String key =
                    Sha256.of(
                            (tests.toString() + keys + prepared.dataHash())
                                    .getBytes(StandardCharsets.UTF_8));
            Row known = known(own, key);
            if (known != null) {
                return known.scores();
            }
            display.note("all tasks at once");
            train(run, prepared, provenance, display);
            try (CausalLm trained = Pretrained.load(run.modelFolder())) {
                Row row = new Row(key, measure(trained, display));
                write(own, row);
                return row.scores();
            }
        }
    }

    private static void train(
            FinetuneRun run,
            FinetuneRun.Prepared prepared,
            Map<String, Object> provenance,
            FineTuning.Display display)
            throws IOException {
        if (!run.hasEnded()) {
            Path checkpoint = run.checkpoint();
            if (checkpoint == null) {
                Folders.delete(run.folder());
                Files.createDirectories(run.folder());
            }
            prepared.train(checkpoint, provenance, display);
        }
    }

    private Row base(String key, FinetuneRun run, @Nullable Path model, FineTuning.Display display)
            throws IOException {
        Path own = folder.resolve(Recipe.BASE);
        Row known = known(own, key);
        if (known != null) {
            return known;
        }
        try (CausalLm loaded = run.load(model)) {
            Row row = new Row(key, measure(loaded, display));
            write(own, row);
            return row;
        }
    }

    private Row learn(
            int stage,
            FinetuneRun run,
            FinetuneRun.Prepared prepared,
            Map<String, Object> provenance,
            FineTuning.Display display,
            String key)
            throws IOException {
        train(run, prepared, provenance, display);
        Path own = folder.resolve(names.get(stage));
        try (CausalLm trained = Pretrained.load(run.modelFolder())) {
            OnlineEwcSection ewc = config.onlineEwc;
            if (ewc != null && stage + 1 < stages.size()) {
                try (Importance importance = prepared.importance(trained, ewc.sequences)) {
                    if (stage > 0) {
                        Path earlier = folder.resolve(names.get(stage - 1)).resolve(IMPORTANCE);
                        try (Importance old = Importance.load(earlier)) {
                            importance.addEarlier(old, ewc.gamma);
                        }
                    }
                    importance.save(own.resolve(IMPORTANCE));
                }
            }
            if (config.buffer != null && stage + 1 < stages.size()) {
                new SequenceMemory(config.buffer, run.seed())
                        .add(
                                names.subList(0, stage + 1).stream().map(folder::resolve).toList(),
                                prepared.rows(),
                                trained);
            }
            Row row = new Row(key, measure(trained, display));
            write(own, row);
            return row;
        }
    }

    private ObjectNode keys(int stage, @Nullable Path before) throws IOException {
        ObjectNode keys = stages.get(stage).deepCopy();
        keys.put("output_dir", folder.resolve(names.get(stage)).resolve("run").toString());
        if (config.osf) {
            keys.withObjectProperty("regularization")
                    .putObject("osf")
                    .put("effective_rank", (stage + 1.0) / (stages.size() + 1));
        }
        if (before != null) {
            keys.put("model", before.toString());
        }
        if (stage == 0) {
            if (config.regularization != null
                    && config.regularization.get("continual") instanceof ObjectNode continual) {
                // the first task has nothing to hold, but leaves what the second one holds
                keys.withObjectProperty("regularization").set("continual", continual.deepCopy());
            }
            return keys;
        }
        if (config.oLora != null) {
            put(
                    keys,
                    config.oLora,
                    names.subList(0, stage).stream()
                            .map(name -> folder.resolve(name).resolve("run/adapter").toString())
                            .toList());
        }
        OnlineEwcSection ewc = config.onlineEwc;
        if (ewc != null) {
            ObjectNode section = keys.withObjectProperty("regularization").putObject("ewc");
            section.put("lambda", ewc.lambda);
            section.put(
                    "importance_file",
                    folder.resolve(names.get(stage - 1)).resolve(IMPORTANCE).toString());
        }
        Path last = folder.resolve(names.get(stage - 1));
        withMethods(keys, config, old(stage, last), last.resolve("run").resolve(CONTINUAL));
        if (keys.get("replay") instanceof ObjectNode replay
                && !replay.hasNonNull("generation_cache")) {
            replay.put("generation_cache", folder.resolve("generated").toString());
        }
        return keys;
    }

    private static void put(ObjectNode keys, OLoraSection section, List<String> adapters) {
        ObjectNode own = keys.withObjectProperty("regularization").putObject("o_lora");
        own.put("lambda1", section.lambda1).put("lambda2", section.lambda2);
        adapters.forEach(own.putArray("adapters")::add);
    }

    /** Returns the data of earlier tasks, an entry a task or more. */
    private ArrayNode old(int stage, Path last) throws IOException {
        ArrayNode data = JSON.createArrayNode();
        if (config.buffer != null) {
            for (Path file : new SequenceMemory(config.buffer, 0).files(last, stage)) {
                data.addObject().put("data", file.toString()).put("format", "tokenized");
            }
            return data;
        }
        stages.subList(0, stage).forEach(earlier -> add(data, earlier.get("train")));
        return data;
    }

    private List<Double> measure(CausalLm model, FineTuning.Display display) throws IOException {
        List<Double> scores = new ArrayList<>();
        for (Asked test : tests) {
            TaskResult result =
                    Evaluator.of(model, test.options())
                            .withListener((task, done, total) -> display.update(done, total, task))
                            .run(test.step().task(), test.step().data());
            TaskScores of = TaskScores.of(result, test.metric());
            double sum = of.values().stream().mapToDouble(Double::doubleValue).sum();
            double size = of.sizes().stream().mapToDouble(Long::doubleValue).sum();
            scores.add(of.higherIsBetter() ? sum / size : -sum / size);
        }
        return scores;
    }

    private static @Nullable Row known(Path own, String key) throws IOException {
        Path file = own.resolve("result.json");
        if (!Files.exists(file)) {
            return null;
        }
        Row row = JSON.readValue(file.toFile(), Row.class);
        if (!key.equals(row.key())) {
            throw new UsageException(
                    own
                            + " holds results of other settings or data; remove it and the tasks"
                            + " after it, or choose another output_dir");
        }
        return row;
    }

    private static void write(Path own, Row row) throws IOException {
        Files.createDirectories(own);
        AtomicFile.write(own.resolve("result.json"), JSON.writeValueAsString(row) + "\n");
    }
}
