package org.retain4j.evaluation.report;

import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.retain4j.evaluation.contamination.TaskContamination;

/**
 * Everything that a report of an evaluation shows: a model, a model before and after, or several
 * methods with several seeds.
 *
 * <p>The first method is the reference that the others are compared with, such as the base model.
 * Immutable and thread-safe as long as the values of the maps are.
 *
 * @param title what was evaluated, in a few words
 * @param retain4jVersion the version that did it
 * @param createdAt when, ISO 8601 with offset
 * @param methods the reference first; titles differ
 * @param learned names of the tasks that show what was learned, may be empty
 * @param retained names of the tasks that show what was kept, may be empty; with both there is a
 *     plot of one against the other
 * @param changes items that the reference answered rightly and another method wrongly
 * @param contamination overlap of training texts with the items of each task, may be empty
 * @param trainingTexts number of training texts looked at for it; 0 when it was not looked for
 * @param notes what a reader must know: skipped items, cut prompts
 * @param settings the exact settings
 * @param environment machine and versions
 */
public record EvaluationSummary(
        String title,
        String retain4jVersion,
        String createdAt,
        List<EvaluatedMethod> methods,
        List<String> learned,
        List<String> retained,
        List<AnswerChange> changes,
        List<TaskContamination> contamination,
        long trainingTexts,
        List<String> notes,
        Map<String, Object> settings,
        Map<String, Object> environment) {

    /**
     * Copies lists and maps.
     *
     * @throws IllegalArgumentException if there is no method, two share a title, or a task that
     *     shows what was learned or kept has no scores
     */
    public EvaluationSummary {
        Objects.requireNonNull(title, "title");
        Objects.requireNonNull(retain4jVersion, "retain4jVersion");
        Objects.requireNonNull(createdAt, "createdAt");
        methods = List.copyOf(methods);
        learned = List.copyOf(learned);
        retained = List.copyOf(retained);
        changes = List.copyOf(changes);
        contamination = List.copyOf(contamination);
        notes = List.copyOf(notes);
        settings = Collections.unmodifiableMap(new LinkedHashMap<>(settings));
        environment = Collections.unmodifiableMap(new LinkedHashMap<>(environment));
        if (methods.isEmpty()) {
            throw new IllegalArgumentException("a report needs at least one model");
        }
        Set<String> titles = new HashSet<>();
        for (EvaluatedMethod method : methods) {
            if (!titles.add(method.title())) {
                throw new IllegalArgumentException("two methods are called " + method.title());
            }
        }
        List<String> named = new ArrayList<>(learned);
        named.addAll(retained);
        List<TaskScores> scores = methods.get(0).runs().get(0).scores();
        for (String task : named) {
            if (scores.stream().noneMatch(score -> score.task().equals(task))) {
                throw new IllegalArgumentException(
                        "there are no scores of "
                                + task
                                + ", only of "
                                + scores.stream().map(TaskScores::task).distinct().toList());
            }
        }
    }

    /** Returns a summary of models alone, without plot, contamination and examples. */
    public static EvaluationSummary of(
            String title,
            String retain4jVersion,
            String createdAt,
            List<EvaluatedMethod> methods,
            Map<String, Object> settings) {
        return new EvaluationSummary(
                title,
                retain4jVersion,
                createdAt,
                methods,
                List.of(),
                List.of(),
                List.of(),
                List.of(),
                0,
                List.of(),
                settings,
                Map.of());
    }

    /** Returns the methods that are compared with the first. */
    List<EvaluatedMethod> others() {
        return methods.subList(1, methods.size());
    }
}
