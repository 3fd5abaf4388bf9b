package org.retain4j.cli.evaluate;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.retain4j.evaluation.tasks.Task;

/**
 * Finds the data of published tasks in the cache that Hugging Face's tools and this library share:
 * {@code datasets--ORG--NAME/snapshots/REVISION/…} with a file of JSON lines or CSV for each split.
 *
 * <p>Immutable and thread-safe.
 *
 * @param cache the cache folder, as {@code HF_HUB_CACHE} or {@code HF_HOME/hub}
 */
public record CachedDatasets(Path cache) {

    private static final String FORMS = "\\.(jsonl|json|csv)(\\.gz)?";
    private static final int DEPTH = 4;

    /**
     * Data of a task.
     *
     * @param rows file of the rows to evaluate
     * @param shots file of the rows for examples, if there is one
     */
    public record Found(Path rows, Optional<Path> shots) {}

    /** Returns the data of a task, if it is there in a form that can be read. */
    public Optional<Found> find(Task task) throws IOException {
        Optional<Path> snapshot = snapshot(task);
        if (snapshot.isEmpty()) {
            return Optional.empty();
        }
        List<Path> files = files(snapshot.get(), task, FORMS);
        Optional<Path> rows = split(files, task.evaluatedSplits());
        return rows.map(path -> new Found(path, split(files, task.shotSplits())));
    }

    /** Returns whether the data is there as Parquet, which cannot be read. */
    public boolean isParquet(Task task) throws IOException {
        Optional<Path> snapshot = snapshot(task);
        return snapshot.isPresent() && !files(snapshot.get(), task, "\\.parquet").isEmpty();
    }

    private Optional<Path> snapshot(Task task) throws IOException {
        Object name = task.config().get("dataset_path");
        if (name == null || !name.toString().matches("[\\w.-]+(/[\\w.-]+)?")) {
            return Optional.empty();
        }
        Path repo = cache.resolve("datasets--" + name.toString().replace("/", "--"));
        Path main = repo.resolve("refs/main");
        if (Files.isRegularFile(main)) {
            String revision = Files.readString(main, StandardCharsets.UTF_8).strip();
            Path snapshot = repo.resolve("snapshots");
            if (revision.matches("[0-9a-f]{4,64}")
                    && Files.isDirectory(snapshot.resolve(revision))) {
                return Optional.of(snapshot.resolve(revision));
            }
        }
        return Optional.empty();
    }

    /** Returns the files of the task's configuration where it has a folder, else all. */
    private static List<Path> files(Path snapshot, Task task, String forms) throws IOException {
        Pattern form = Pattern.compile(".*" + forms);
        String configuration = String.valueOf(task.config().getOrDefault("dataset_name", ""));
        try (Stream<Path> all = Files.walk(snapshot, DEPTH)) {
            List<Path> files =
                    all.filter(file -> form.matcher(file.getFileName().toString()).matches())
                            .filter(Files::isRegularFile)
                            .sorted()
                            .toList();
            List<Path> own =
                    files.stream()
                            .filter(
                                    file ->
                                            !configuration.isEmpty()
                                                    && snapshot.relativize(file)
                                                            .toString()
                                                            .contains(configuration))
                            .toList();
            return own.isEmpty() ? files : own;
        }
    }

    /**
     * Returns the file of the first split that is there, named as it, such as lambada_test.jsonl.
     */
    private static Optional<Path> split(List<Path> files, List<String> names) {
        for (String name : names) {
            Pattern named = Pattern.compile("(?i)(.*[._-])?" + name + "([._-].*)?" + FORMS);
            for (Path file : files) {
                if (named.matcher(file.getFileName().toString()).matches()) {
                    return Optional.of(file);
                }
            }
        }
        return Optional.empty();
    }
}
