package org.retain4j.evaluation.tasks;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.retain4j.evaluation.statistics.PythonRandom;

/**
 * The rows that a task is run on and those that its examples come from.
 *
 * @param rows rows to evaluate, at least one
 * @param shots rows for examples, may be empty
 * @param fromItself whether the examples come from the evaluated rows, so that each item must be
 *     left out of its own examples
 */
public record TaskData(List<Row> rows, List<Row> shots, boolean fromItself) {

    private static final List<String> ENDINGS =
            List.of(".jsonl", ".jsonl.gz", ".json", ".json.gz", ".csv", ".txt");

    /** Copies the lists. */
    public TaskData {
        rows = List.copyOf(rows);
        shots = List.copyOf(shots);
    }

    /** Returns data without examples. */
    public static TaskData of(List<Row> rows) {
        return new TaskData(rows, List.of(), false);
    }

    /**
     * Returns the data with fewer rows, drawn without replacement and kept in their order.
     *
     * @param number most rows; 0 for all
     * @param seed the same seed draws the same rows
     */
    public TaskData sample(int number, long seed) {
        if (number <= 0 || number >= rows.size()) {
            return this;
        }
        List<Row> few =
                Arrays.stream(new PythonRandom(seed).sample(rows.size(), number))
                        .sorted()
                        .mapToObj(rows::get)
                        .toList();
        return new TaskData(few, shots, fromItself);
    }

    /**
     * Reads the data of a task.
     *
     * @param place a file with the rows to evaluate, or a folder with a file for each split, such
     *     as {@code test.jsonl} and {@code train.jsonl}
     * @param shots a file with rows for examples, if they are not in that folder
     * @throws TaskException if there is no file, or one is not as it must be
     */
    public static TaskData read(Task task, Path place, Optional<Path> shots) throws IOException {
        Path file = place;
        Optional<Path> examples = shots;
        if (Files.isDirectory(place)) {
            file =
                    split(place, task.evaluatedSplits())
                            .orElseThrow(
                                    () ->
                                            new TaskException(
                                                    "%s has no data for %s; expected a file named %s and .jsonl, .json, .csv or .txt"
                                                            .formatted(
                                                                    place,
                                                                    task.name(),
                                                                    String.join(
                                                                            ", ",
                                                                            task
                                                                                    .evaluatedSplits()))));
            if (examples.isEmpty()) {
                examples = split(place, task.shotSplits());
            }
        }
        List<Row> rows = DatasetFile.read(file);
        if (examples.isEmpty()) {
            return of(rows);
        }
        boolean same = Files.exists(examples.get()) && Files.isSameFile(examples.get(), file);
        return new TaskData(rows, same ? rows : DatasetFile.read(examples.get()), same);
    }

    private static Optional<Path> split(Path folder, List<String> names) {
        for (String name : names) {
            for (String ending : ENDINGS) {
                Path file = folder.resolve(name + ending);
                if (Files.isRegularFile(file)) {
                    return Optional.of(file);
                }
            }
        }
        return Optional.empty();
    }

    /**
     * Finds the data of a task in a folder that holds those of many: {@code NAME.jsonl} or a folder
     * {@code NAME}.
     */
    public static Optional<Path> find(Path folder, String task) {
        for (String ending : ENDINGS) {
            Path file = folder.resolve(task + ending);
            if (Files.isRegularFile(file)) {
                return Optional.of(file);
            }
        }
        return Optional.of(folder.resolve(task)).filter(Files::isDirectory);
    }
}
