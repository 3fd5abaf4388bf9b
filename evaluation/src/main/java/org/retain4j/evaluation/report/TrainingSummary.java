package org.retain4j.evaluation.report;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A training run from its options to its outcome, as {@link TrainingReport} shows it.
 *
 * <p>Immutable and thread-safe as long as the values of the maps are.
 *
 * @param title what the run was, in a few words
 * @param retain4jVersion version of this library
 * @param createdAt date and time, for people to read
 * @param results what the run came to, one sentence or figure each
 * @param messages what needs attention: why it stopped, checkpoints not written, rows skipped
 * @param points the run step by step, ascending; steps may be missing
 * @param retention first parts of the names of evaluations on text that must not be forgotten: for
 *     {@code old} the results {@code old_loss} and {@code old_rise}, in nats a token; every other
 *     result whose name ends in {@code _loss} counts as loss on held-out text of the task
 * @param samples what the model wrote before and after
 * @param configuration options of the run by name
 * @param provenance where model and data came from and what ran, by name
 */
public record TrainingSummary(
        String title,
        String retain4jVersion,
        String createdAt,
        List<String> results,
        List<String> messages,
        List<TrainingPoint> points,
        List<String> retention,
        List<SampleChange> samples,
        Map<String, Object> configuration,
        Map<String, Object> provenance) {

    /** Copies lists and maps, which keep their order. */
    public TrainingSummary {
        results = List.copyOf(results);
        messages = List.copyOf(messages);
        points = List.copyOf(points);
        retention = List.copyOf(retention);
        samples = List.copyOf(samples);
        configuration = Collections.unmodifiableMap(new LinkedHashMap<>(configuration));
        provenance = Collections.unmodifiableMap(new LinkedHashMap<>(provenance));
    }

    /** Returns the evaluations that gave a loss, retention texts or the others, in fixed order. */
    List<String> evaluated(boolean ofRetention) {
        return points.stream()
                .flatMap(point -> point.evaluation().keySet().stream())
                .filter(name -> name.endsWith("_loss"))
                .map(name -> name.substring(0, name.length() - "_loss".length()))
                .distinct()
                .filter(name -> retention.contains(name) == ofRetention)
                .toList();
    }
}
