package org.retain4j.evaluation.tasks;

import java.util.List;
import java.util.Map;

/**
 * The scores of a task and what they are made of.
 *
 * @param task the task
 * @param metrics scores over all items
 * @param groups scores of the parts, by name, where a task has such
 * @param original how many rows the data has
 * @param shots how many examples each prompt had
 * @param chat whether the chat template was used
 * @param truncated how many items had a prompt that was cut on the left to fit
 * @param skipped how many items could not be asked, by reason
 * @param items the items that count, in their order
 */
public record TaskResult(
        Task task,
        List<MetricValue> metrics,
        Map<String, List<MetricValue>> groups,
        int original,
        int shots,
        boolean chat,
        int truncated,
        Map<String, Integer> skipped,
        List<ItemResult> items) {

    /**
     * Returns a score.
     *
     * @param key metric and filter, such as {@code acc,none}
     * @throws IllegalArgumentException if there is none of that name
     */
    public MetricValue metric(String key) {
        return metrics.stream()
                .filter(metric -> metric.key().equals(key))
                .findFirst()
                .orElseThrow(
                        () ->
                                new IllegalArgumentException(
                                        task.name()
                                                + " has no score "
                                                + key
                                                + ", only "
                                                + metrics.stream().map(MetricValue::key).toList()));
    }
}
