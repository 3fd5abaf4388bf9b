package org.retain4j.cli.recipe;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.retain4j.evaluation.tasks.Item;
import org.retain4j.evaluation.tasks.ItemResult;
import org.retain4j.evaluation.tasks.TaskException;
import org.retain4j.evaluation.tasks.TaskResult;

/**
 * The scores of one model on the items of one task; the score of the task is the sum of the values
 * over that of the sizes.
 *
 * @param task name of the task
 * @param metric metric and filter, such as {@code acc,none}
 * @param higherIsBetter whether more is better
 * @param ids rows of the data
 * @param values score of each item: 0 or 1 for answers, bits for texts
 * @param sizes 1 for answers, bytes for texts
 */
record TaskScores(
        String task,
        String metric,
        boolean higherIsBetter,
        List<Integer> ids,
        List<Double> values,
        List<Long> sizes) {

    private static final String BITS = "bits_per_byte";
    private static final double LN2 = Math.log(2);

    /**
     * Takes the scores of a metric.
     *
     * @param wanted metric with filter; null for the first that is a mean over items
     * @throws TaskException if there is none such
     */
    static TaskScores of(TaskResult result, @Nullable String wanted) throws IOException {
        List<String> usable =
                result.metrics().stream()
                        .filter(metric -> !metric.metric().endsWith("perplexity"))
                        .map(metric -> metric.key())
                        .toList();
        String task = result.task().name();
        if (usable.isEmpty() || (wanted != null && !usable.contains(wanted))) {
            throw new TaskException(
                    "%s has no metric %s to compare, only %s"
                            .formatted(task, wanted == null ? "" : wanted, usable));
        }
        String key = wanted == null ? usable.get(usable.size() - 1) : wanted;
        if (wanted == null && !usable.get(0).startsWith(BITS)) {
            key = usable.get(0);
        }
        String metric = key.substring(0, key.lastIndexOf(','));
        List<Integer> ids = new ArrayList<>();
        List<Double> values = new ArrayList<>();
        List<Long> sizes = new ArrayList<>();
        for (ItemResult item : result.items()) {
            Double score = item.scores().get(key);
            if (score == null) {
                throw new TaskException(
                        "%s has no %s of item %d".formatted(task, key, item.index()));
            }
            ids.add(item.index());
            if (metric.equals(BITS) && item.item() instanceof Item.Document document) {
                values.add(-score / LN2);
                sizes.add((long) document.bytes());
            } else {
                values.add(score);
                sizes.add(1L);
            }
        }
        boolean higher = result.task().higherIsBetter().getOrDefault(metric, true);
        return new TaskScores(task, key, higher, ids, values, sizes);
    }

    double[] row() {
        return values.stream().mapToDouble(Double::doubleValue).toArray();
    }

    long[] weights() {
        return sizes.stream().mapToLong(Long::longValue).toArray();
    }
}
