package org.retain4j.cli.evaluate;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.retain4j.cli.usage.DidYouMean;
import org.retain4j.cli.usage.UsageException;
import org.retain4j.core.hub.Hub;
import org.retain4j.evaluation.tasks.CodeRunner;
import org.retain4j.evaluation.tasks.Task;
import org.retain4j.evaluation.tasks.TaskData;
import org.retain4j.evaluation.tasks.TaskFile;
import org.retain4j.evaluation.tasks.Tasks;

/**
 * Tasks and the data of each, found before a model is loaded. Immutable.
 *
 * @param steps what to run, in the order asked for
 */
public record EvaluationPlan(List<Step> steps) {

    /** Ending of the name of a task where the data for its examples is meant. */
    public static final String SHOTS = ".shots";

    private static final String HUMANEVAL = "humaneval";

    /**
     * A task and its data.
     *
     * @param task the task
     * @param place file or folder of its rows
     * @param shots file of the rows for examples, if named
     */
    public record Step(Task task, Path place, Optional<Path> shots) {

        /** Reads the rows. */
        public TaskData data() throws IOException {
            return TaskData.read(task, place, shots);
        }
    }

    /**
     * Finds tasks and data.
     *
     * @param tasks names of tasks, or YAML files of own ones
     * @param data {@code NAME=PATH}, {@code NAME.shots=PATH}, or a folder with the data of many
     * @param runner what runs programs that the model writes, if that is allowed
     * @throws UsageException if a task is not known or has no data, or data is of no task
     */
    public static EvaluationPlan of(
            List<String> tasks, List<String> data, Optional<CodeRunner> runner) throws IOException {
        return of(tasks, data, runner, new CachedDatasets(Hub.fromEnvironment().cache()));
    }

    /** As {@link #of(List, List, Optional)}, with the cache that has data of published tasks. */
    static EvaluationPlan of(
            List<String> tasks,
            List<String> data,
            Optional<CodeRunner> runner,
            CachedDatasets cached)
            throws IOException {
        Map<String, Path> named = new LinkedHashMap<>();
        List<Path> folders = new ArrayList<>();
        for (String entry : data) {
            int equals = entry.indexOf('=');
            Path path = path(entry.substring(equals + 1));
            if (equals >= 0) {
                if (named.put(entry.substring(0, equals).strip(), path) != null) {
                    throw new UsageException(
                            "--data names " + entry.substring(0, equals) + " twice, give it once");
                }
            } else if (Files.isDirectory(path)) {
                folders.add(path);
            } else {
                throw new UsageException(
                        "--data must be NAME=PATH or a folder, is \"" + entry + "\"");
            }
        }
        List<Step> steps = new ArrayList<>();
        Set<String> used = new LinkedHashSet<>();
        for (String name : tasks) {
            Step step = step(name.strip(), named, folders, runner, cached);
            if (!used.add(step.task().name())) {
                throw new UsageException(
                        "--tasks names " + step.task().name() + " twice, give it once");
            }
            used.add(step.task().name() + SHOTS);
            steps.add(step);
        }
        for (String name : named.keySet()) {
            if (!used.contains(name)) {
                throw new UsageException(
                        "--data has data of "
                                + name
                                + ", which is not one of the --tasks"
                                + DidYouMean.suffix(name, used));
            }
        }
        return new EvaluationPlan(steps);
    }

    private static Path path(String text) {
        if (text.isBlank() || text.indexOf('\0') >= 0) {
            throw new UsageException("--data must name a path, is \"" + text + "\"");
        }
        Path path = Path.of(text.strip());
        if (!Files.exists(path)) {
            throw new UsageException("--data: " + path + " does not exist");
        }
        return path;
    }

    private static Step step(
            String name,
            Map<String, Path> named,
            List<Path> folders,
            Optional<CodeRunner> runner,
            CachedDatasets cached)
            throws IOException {
        TaskFile file = name.matches("(?i).*\\.ya?ml") ? TaskFile.read(Path.of(name)) : null;
        Task task = file == null ? published(name, runner) : file.task();
        Optional<Path> place = Optional.ofNullable(named.get(task.name()));
        for (Path folder : folders) {
            place = place.or(() -> TaskData.find(folder, task.name()));
        }
        @Nullable TaskFile own = file;
        place = place.or(() -> own == null ? Optional.empty() : own.data());
        Optional<Path> shots = Optional.ofNullable(named.get(task.name() + SHOTS));
        shots = shots.or(() -> own == null ? Optional.empty() : own.shots());
        if (place.isEmpty() && own == null) {
            Optional<CachedDatasets.Found> found = cached.find(task);
            if (found.isPresent()) {
                CachedDatasets.Found there = found.get();
                return new Step(task, there.rows(), shots.or(there::shots));
            }
        }
        if (place.isEmpty()) {
            throw new UsageException(
                    "there is no data for %s%s, give --data %s=FILE.jsonl"
                            .formatted(
                                    task.name(),
                                    own == null && cached.isParquet(task)
                                            ? " but Parquet in the hub's cache, which cannot be"
                                                    + " read; convert it to JSON lines"
                                            : "",
                                    task.name()));
        }
        return new Step(task, place.get(), shots);
    }

    private static Task published(String name, Optional<CodeRunner> runner) {
        if (name.equals(HUMANEVAL)) {
            return Tasks.humaneval(
                    runner.orElseThrow(
                            () ->
                                    new UsageException(
                                            "humaneval runs programs that the model writes on this"
                                                    + " machine; if that is meant, add"
                                                    + " --confirm-run-unsafe-code")));
        }
        return Tasks.find(name)
                .orElseThrow(
                        () -> {
                            String suffix = DidYouMean.suffix(name, Tasks.names());
                            return new UsageException(
                                    "--tasks: there is no task \""
                                            + name
                                            + "\""
                                            + (suffix.isEmpty()
                                                    ? "; there are "
                                                            + String.join(", ", Tasks.names())
                                                            + ", and YAML files"
                                                    : suffix));
                        });
    }
}
