package org.retain4j.evaluation.report;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import org.retain4j.evaluation.statistics.StandardError;
import org.retain4j.evaluation.tasks.Item;
import org.retain4j.evaluation.tasks.ItemResult;
import org.retain4j.evaluation.tasks.MetricValue;
import org.retain4j.evaluation.tasks.TaskResult;

/**
 * One score of one task, item by item. Immutable and thread-safe.
 *
 * @param task name of the task, such as {@code arc_easy}
 * @param metric name of the score, such as {@code acc_norm}; with its filter where that is not
 *     {@code none}
 * @param higherIsBetter whether a larger score is better
 * @param items at least one, no id twice
 */
public record TaskScores(
        String task, String metric, boolean higherIsBetter, List<ItemScore> items) {

    private static final double LN2 = Math.log(2);

    /**
     * Copies the list.
     *
     * @throws IllegalArgumentException if there is no item or an id is there twice
     */
    public TaskScores {
        Objects.requireNonNull(task, "task");
        Objects.requireNonNull(metric, "metric");
        items = List.copyOf(items);
        if (items.isEmpty()) {
            throw new IllegalArgumentException(task + " needs at least one item");
        }
        Set<String> ids = new HashSet<>();
        for (ItemScore item : items) {
            if (!ids.add(item.id())) {
                throw new IllegalArgumentException(task + " has the item " + item.id() + " twice");
            }
        }
    }

    /** Returns task and metric, which tell this score from others. */
    public String key() {
        return task + " " + metric;
    }

    /** Returns the weighted mean of the items. */
    public double value() {
        double sum = 0;
        double weight = 0;
        for (ItemScore item : items) {
            sum += item.score() * item.weight();
            weight += item.weight();
        }
        return sum / weight;
    }

    /** Returns whether every item is right or wrong and counts the same. */
    public boolean isRate() {
        return items.stream().allMatch(i -> i.weight() == 1 && (i.score() == 0 || i.score() == 1));
    }

    /**
     * Returns the standard error of the mean as the harness reports it; NaN where items count
     * differently, or there is one.
     */
    public double stderr() {
        if (items.stream().anyMatch(item -> item.weight() != 1)) {
            return Double.NaN;
        }
        return StandardError.ofMean(items.stream().mapToDouble(ItemScore::score).toArray());
    }

    /**
     * Returns the scores of a task that was run, those that are means over items.
     *
     * <p>A perplexity is given by its logarithm ({@code log_perplexity}), which is such a mean;
     * those by word and by byte say the same as {@code bits_per_byte} and are left out.
     */
    public static List<TaskScores> of(TaskResult result) {
        List<TaskScores> all = new ArrayList<>();
        for (MetricValue metric : result.metrics()) {
            boolean higher = result.task().higherIsBetter().getOrDefault(metric.metric(), true);
            String filter = metric.filter().equals("none") ? "" : ", " + metric.filter();
            switch (metric.metric()) {
                case "word_perplexity", "byte_perplexity" -> {}
                case "perplexity" ->
                        all.add(
                                new TaskScores(
                                        result.task().name(),
                                        "log_perplexity" + filter,
                                        false,
                                        items(result, metric)));
                default ->
                        all.add(
                                new TaskScores(
                                        result.task().name(),
                                        metric.metric() + filter,
                                        higher,
                                        items(result, metric)));
            }
        }
        return all;
    }

    private static List<ItemScore> items(TaskResult result, MetricValue metric) {
        List<ItemScore> items = new ArrayList<>();
        for (ItemResult item : result.items()) {
            double score = item.scores().getOrDefault(metric.key(), Double.NaN);
            if (Double.isNaN(score)) {
                continue;
            }
            String id = String.valueOf(item.index());
            if (metric.metric().equals("bits_per_byte")) {
                double bytes = ((Item.Document) item.item()).bytes();
                items.add(new ItemScore(id, -score / LN2 / bytes, bytes));
            } else {
                boolean negated = metric.metric().equals("perplexity");
                items.add(ItemScore.of(id, negated ? -score : score));
            }
        }
        return items;
    }
}
