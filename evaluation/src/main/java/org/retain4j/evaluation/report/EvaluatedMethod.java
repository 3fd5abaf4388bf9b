package org.retain4j.evaluation.report;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/**
 * A method, or a model, with what its runs scored. Immutable and thread-safe as long as the values
 * of {@code options} are.
 *
 * @param title the name shown, such as {@code EWC λ=0.3}; no two methods of a report share one
 * @param runs one a seed, at least one, with the same tasks in all
 * @param options its settings: strings, numbers, booleans, and lists or maps of those
 */
public record EvaluatedMethod(String title, List<EvaluatedRun> runs, Map<String, Object> options) {
    /**
     * Copies lists and maps.
     *
     * @throws IllegalArgumentException if there is no run, or runs differ in their scores
     */
    public EvaluatedMethod {
        Objects.requireNonNull(title, "title");
        runs = List.copyOf(runs);
        options = Collections.unmodifiableMap(new LinkedHashMap<>(options));
        if (runs.isEmpty()) {
            throw new IllegalArgumentException(title + " needs at least one run");
        }
        List<String> keys = keys(runs.get(0));
        for (EvaluatedRun run : runs) {
            if (!keys(run).equals(keys)) {
                throw new IllegalArgumentException(
                        "the runs of %s must have the same scores, but have %s and %s"
                                .formatted(title, keys, keys(run)));
            }
        }
    }

    private static List<String> keys(EvaluatedRun run) {
        return run.scores().stream().map(TaskScores::key).toList();
    }
}
