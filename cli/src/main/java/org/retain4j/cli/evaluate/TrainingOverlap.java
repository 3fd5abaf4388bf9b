package org.retain4j.cli.evaluate;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.retain4j.evaluation.contamination.Contamination;
import org.retain4j.evaluation.contamination.TaskContamination;
import org.retain4j.evaluation.contamination.TrainingTexts;

/**
 * Which evaluated items are in training texts.
 *
 * @param files the files of training texts, as they were named
 * @param texts how many texts they hold
 * @param tasks what was found of each task
 */
public record TrainingOverlap(List<String> files, long texts, List<TaskContamination> tasks) {

    /** Nothing was looked for. */
    public static final TrainingOverlap NONE = new TrainingOverlap(List.of(), 0, List.of());

    /** Looks for the items of the tasks that are run. */
    public static TrainingOverlap look(
            List<EvaluationPlan.Step> steps, List<Integer> limits, List<Path> files)
            throws IOException {
        if (files.isEmpty()) {
            return NONE;
        }
        Contamination.Builder items = Contamination.builder();
        for (int i = 0; i < steps.size(); i++) {
            items.add(steps.get(i).task(), steps.get(i).data(), limits.get(i));
        }
        Contamination search = items.build();
        for (Path file : files) {
            TrainingTexts.look(file, search);
        }
        return new TrainingOverlap(
                files.stream().map(Path::toString).toList(), search.texts(), search.found());
    }

    /** Returns only the items of which at least a share of the 13-grams was found. */
    public TrainingOverlap atLeast(double share) {
        return new TrainingOverlap(
                files,
                texts,
                tasks.stream()
                        .map(
                                task ->
                                        new TaskContamination(
                                                task.task(),
                                                task.items(),
                                                task.tooShort(),
                                                task.contaminated().stream()
                                                        .filter(item -> item.overlap() >= share)
                                                        .toList()))
                        .toList());
    }

    /** Returns a line a task of which items were found. */
    public List<String> lines() {
        return tasks.stream()
                .filter(task -> !task.contaminated().isEmpty())
                .map(
                        task ->
                                "%s: %d of %d items are in the training data, the first is item %s in %s"
                                        .formatted(
                                                task.task(),
                                                task.contaminated().size(),
                                                task.items(),
                                                task.contaminated().get(0).item(),
                                                task.contaminated().get(0).source()))
                .toList();
    }
}
