package org.retain4j.cli.recipe;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.retain4j.cli.evaluate.EvaluationPlan;
import org.retain4j.cli.recipe.RecipeConfig.MethodSection;
import org.retain4j.cli.recipe.RecipeConfig.TaskSection;
import org.retain4j.cli.train.FinetuneRun;
import org.retain4j.cli.train.RunFile;
import org.retain4j.cli.usage.DidYouMean;
import org.retain4j.cli.usage.UsageException;
import org.retain4j.evaluation.tasks.EvaluationOptions;

/**
 * A comparison of methods as a YAML file describes it: what all runs share, what is different in
 * each method, and the tasks that tell what was learned and what was kept. Checked, immutable.
 */
public final class Recipe {

    static final String BASE = "base";

    private final RecipeConfig config;
    private final Path folder;
    private final List<Variant> methods;
    private final List<Asked> tasks;

    private Recipe(RecipeConfig config, Path folder, List<Variant> methods, List<Asked> tasks) {
        this.config = config;
        this.folder = folder;
        this.methods = methods;
        this.tasks = tasks;
    }

    /**
     * A method of the recipe.
     *
     * @param name its key
     * @param title name in tables
     * @param run keys of its run.yaml, without seed and folder
     * @param line curve of a sweep that it is a point of; null when it is of none
     * @param swept keys of the sweep with its values
     * @param trials sets of keys that it tries
     * @param averageOf method whose models it averages with the base; null for one that trains
     * @param alpha share of the tuned model in the average
     */
    record Variant(
            String name,
            String title,
            ObjectNode run,
            @Nullable String line,
            Map<String, JsonNode> swept,
            List<Map<String, JsonNode>> trials,
            @Nullable String averageOf,
            double alpha) {

        /** Returns the keys of a run.yaml with some of them changed. */
        ObjectNode run(Map<String, JsonNode> changes, long seed, Path folder) {
            ObjectNode keys = run.deepCopy();
            changes.forEach((key, value) -> RunFile.set(keys, key, value));
            keys.put("seed", seed);
            keys.put("output_dir", folder.toString());
            return keys;
        }
    }

    /**
     * A task, how it is asked and what is compared.
     *
     * @param step the task and its data
     * @param options how it is asked
     * @param metric metric and filter; null for the first
     */
    record Asked(EvaluationPlan.Step step, EvaluationOptions options, @Nullable String metric) {}

    /**
     * Reads a file.
     *
     * @param changes {@code key=value} each, in place of what the file says
     * @throws UsageException on every mistake that can be seen without the model
     */
    public static Recipe read(Path file, List<String> changes) throws IOException {
        RecipeConfig config =
                RunFile.read(
                        file,
                        changes,
                        RecipeConfig.class,
                        List.of("output_dir", "run", "methods", "learned", "retained"));
        require(!config.seeds.isEmpty(), file, "seeds is empty, give at least one number");
        require(
                new HashSet<>(config.seeds).size() == config.seeds.size(),
                file,
                "seeds has a number twice");
        require(!config.methods.isEmpty(), file, "methods is empty, name at least one");
        require(
                config.choose.tolerance >= 0 && config.choose.tolerance < 1,
                file,
                "choose.tolerance must be in [0, 1), is " + config.choose.tolerance);
        require(
                config.choose.maxSteps >= 1,
                file,
                "choose.max_steps must be 1 or more, is " + config.choose.maxSteps);
        require(
                !config.learned.isEmpty() && !config.retained.isEmpty(),
                file,
                "learned and retained need a task each");
        try {
            Path folder = Path.of(config.outputDir);
            return new Recipe(config, folder, variants(file, config), asked(config));
        } catch (InvalidPathException e) {
            throw new UsageException(file + ": output_dir: " + config.outputDir + " is no path");
        }
    }

    private static void require(boolean right, Path file, String message) {
        if (!right) {
            throw new UsageException(file + ": " + message);
        }
    }

    private static List<Variant> variants(Path file, RecipeConfig config) {
        ObjectNode shared = config.run;
        if (shared == null) {
            throw new UsageException(file + ": run is missing");
        }
        List<Variant> variants = new ArrayList<>();
        int tried = 0;
        String trying = "";
        for (Map.Entry<String, MethodSection> entry : config.methods.entrySet()) {
            String name = entry.getKey();
            String at = "methods." + name;
            // an entry without keys is read as nothing
            MethodSection section =
                    entry.getValue() == null ? new MethodSection() : entry.getValue();
            require(
                    name.matches("[A-Za-z0-9._-]{1,60}") && !name.equals(BASE),
                    file,
                    at + " is no name; use letters, digits, points and dashes, and not " + BASE);
            if (!section.sweep.isEmpty()) {
                for (Variant point : Sweep.points(file, name, section, shared)) {
                    FinetuneRun.of(file + ", " + at, point.run(Map.of(), 0, Path.of(point.name())));
                    variants.add(point);
                }
                continue;
            }
            Variant variant =
                    new Variant(
                            name,
                            section.title == null ? name : section.title,
                            merged(shared, section.set),
                            null,
                            Map.of(),
                            section.trials,
                            section.averageOf,
                            section.alpha);
            if (section.averageOf != null) {
                checkAverage(file, at, section, config);
            } else {
                for (Map<String, JsonNode> changes : tries(variant)) {
                    FinetuneRun.of(file + ", " + at, variant.run(changes, 0, Path.of(name)));
                }
            }
            if (!variant.trials().isEmpty()) {
                require(
                        tried == 0 || tried == variant.trials().size(),
                        file,
                        "%s tries %d values and %s %d; give each method the same number, or the one with more is favoured"
                                .formatted(trying, tried, at, variant.trials().size()));
                tried = variant.trials().size();
                trying = at;
                require(
                        variant.run().hasNonNull("retain")
                                && (variant.run().hasNonNull("eval")
                                        || variant.run().hasNonNull("eval_split")),
                        file,
                        at + ".try is chosen by the losses on run.eval and run.retain, give both");
            }
            variants.add(variant);
        }
        require(
                variants.get(0).averageOf() == null,
                file,
                "the first method is what the others are compared with, it cannot be an average");
        return variants;
    }

    static List<Map<String, JsonNode>> tries(Variant variant) {
        return variant.trials().isEmpty() ? List.of(Map.of()) : variant.trials();
    }

    private static void checkAverage(
            Path file, String at, MethodSection section, RecipeConfig config) {
        String of = String.valueOf(section.averageOf);
        MethodSection averaged = config.methods.get(of);
        require(
                config.methods.containsKey(of),
                file,
                at
                        + ".average_of names "
                        + of
                        + ", which is no method"
                        + DidYouMean.suffix(of, config.methods.keySet()));
        require(
                averaged == null || (averaged.averageOf == null && averaged.sweep.isEmpty()),
                file,
                at + ".average_of names an average or a sweep, name a method that trains once");
        require(
                section.set == null && section.trials.isEmpty(),
                file,
                at + " averages models that " + of + " trains, it has no keys of its own");
        require(
                section.alpha >= 0 && section.alpha <= 1,
                file,
                at + ".alpha must be in [0, 1], is " + section.alpha);
    }

    /** Returns the keys with changes as a JSON merge patch (RFC 7386) describes them. */
    static ObjectNode merged(ObjectNode keys, @Nullable ObjectNode changes) {
        ObjectNode result = keys.deepCopy();
        if (changes == null) {
            return result;
        }
        for (Map.Entry<String, JsonNode> change : changes.properties()) {
            JsonNode value = change.getValue();
            if (value.isNull()) {
                result.remove(change.getKey());
            } else if (value instanceof ObjectNode section
                    && result.get(change.getKey()) instanceof ObjectNode own) {
                result.set(change.getKey(), merged(own, section));
            } else {
                result.set(change.getKey(), value);
            }
        }
        return result;
    }

    private static List<Asked> asked(RecipeConfig config) throws IOException {
        List<TaskSection> sections = new ArrayList<>(config.learned);
        sections.addAll(config.retained);
        return asked(sections, config.data);
    }

    /** Finds tasks and their data. */
    static List<Asked> asked(List<TaskSection> sections, List<String> data) throws IOException {
        EvaluationPlan plan =
                EvaluationPlan.of(
                        sections.stream().map(section -> section.task).toList(),
                        data,
                        Optional.empty());
        List<Asked> asked = new ArrayList<>();
        for (int i = 0; i < sections.size(); i++) {
            TaskSection section = sections.get(i);
            if (section.limit < 0 || (section.numFewshot != null && section.numFewshot < 0)) {
                throw new UsageException(
                        section.task + ": limit and num_fewshot must be 0 or more");
            }
            EvaluationOptions options =
                    EvaluationOptions.defaults()
                            .withLimit(section.limit)
                            .withBootstraps(0)
                            .withChat(section.applyChatTemplate, false, "");
            if (section.numFewshot != null) {
                options = options.withShots(section.numFewshot);
            }
            asked.add(new Asked(plan.steps().get(i), options, section.metric));
        }
        return asked;
    }

    RecipeConfig config() {
        return config;
    }

    /** Returns the folder of the comparison. */
    public Path folder() {
        return folder;
    }

    List<Variant> methods() {
        return methods;
    }

    /** Returns what is measured: the tasks of {@code learned}, then those of {@code retained}. */
    List<Asked> tasks() {
        return tasks;
    }

    /** Returns the settings by key, for reports. */
    Map<String, String> settings() {
        Map<String, String> settings = new LinkedHashMap<>();
        JsonNode tree = RunFile.YAML.valueToTree(config);
        tree.properties()
                .forEach(
                        entry -> {
                            if (!entry.getValue().isNull() && !entry.getValue().isEmpty(null)) {
                                settings.put(entry.getKey(), entry.getValue().toString());
                            }
                        });
        return settings;
    }
}
