package org.retain4j.evaluation.tasks;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.ToDoubleFunction;
import java.util.stream.DoubleStream;
import org.retain4j.evaluation.statistics.StandardError;

/** Makes scores of responses, with the rules and names of the harness. */
final class Scoring {

    private static final String NONE = "none";
    private static final double LN2 = Math.log(2);

    private final Task task;
    private final int bootstraps;

    Scoring(Task task, int bootstraps) {
        this.task = task;
        this.bootstraps = bootstraps;
    }

    /** Returns the result of an item. */
    ItemResult score(
            int index, Row row, Item item, List<Request> requests, List<Response> responses)
            throws TaskException {
        Map<String, String> answers = new LinkedHashMap<>();
        Map<String, Double> scores = new LinkedHashMap<>();
        if (item instanceof Item.Choice choice) {
            for (String metric : task.metrics()) {
                scores.put(metric + "," + NONE, choice(metric, choice, responses));
            }
        } else if (item instanceof Item.Generation generation) {
            for (AnswerFilter filter : task.filters()) {
                String answer = filter.apply(responses.get(0).text());
                answers.put(filter.name(), answer);
                for (AnswerMetric metric : task.answerMetrics()) {
                    scores.put(
                            metric.name() + "," + filter.name(),
                            metric.rule().score(answer, generation));
                }
            }
        } else {
            for (String metric : task.metrics()) {
                double value =
                        metric.equals("acc")
                                ? responses.get(0).greedy() ? 1 : 0
                                : responses.get(0).logLikelihood();
                scores.put(metric + "," + NONE, value);
            }
        }
        return new ItemResult(index, row, item, requests, responses, answers, scores);
    }

    private static double choice(String metric, Item.Choice item, List<Response> responses) {
        int best = -1;
        double most = Double.NEGATIVE_INFINITY;
        for (int i = 0; i < responses.size(); i++) {
            String answer = item.choices().get(item.isByContext() ? 0 : i);
            double likelihood = responses.get(i).logLikelihood() / length(metric, answer);
            // the first of equal ones, as argmax takes it
            if (best < 0 || likelihood > most) {
                best = i;
                most = likelihood;
            }
        }
        return best == item.gold() ? 1 : 0;
    }

    private static double length(String metric, String answer) {
        return switch (metric) {
            case "acc_norm" -> PythonText.length(answer);
            case "acc_bytes" -> answer.getBytes(StandardCharsets.UTF_8).length;
            default -> 1;
        };
    }

    /** Returns the scores of each group. */
    Map<String, List<MetricValue>> groups(List<ItemResult> items) {
        Map<String, List<ItemResult>> byGroup = new TreeMap<>();
        for (ItemResult item : items) {
            byGroup.computeIfAbsent(item.item().group(), g -> new ArrayList<>()).add(item);
        }
        Map<String, List<MetricValue>> scores = new TreeMap<>();
        byGroup.forEach((group, some) -> scores.put(group, metrics(some)));
        return scores;
    }

    /** Returns the scores over the groups of a task, each weighing as many items as it has. */
    List<MetricValue> pooled(Map<String, List<MetricValue>> groups) {
        List<MetricValue> all = new ArrayList<>();
        List<List<MetricValue>> each = List.copyOf(groups.values());
        for (int m = 0; !each.isEmpty() && m < each.get(0).size(); m++) {
            double sum = 0;
            double[] errors = new double[each.size()];
            int[] sizes = new int[each.size()];
            int items = 0;
            for (int g = 0; g < errors.length; g++) {
                MetricValue value = each.get(g).get(m);
                errors[g] = value.stderr();
                sizes[g] = value.items();
                sum += value.value() * value.items();
                items += value.items();
            }
            MetricValue first = each.get(0).get(m);
            all.add(
                    new MetricValue(
                            first.metric(),
                            first.filter(),
                            sum / items,
                            StandardError.pooled(errors, sizes),
                            items));
        }
        return all;
    }

    /** Returns the scores over items; none for a metric that no item counts for. */
    List<MetricValue> metrics(List<ItemResult> items) {
        List<MetricValue> metrics = new ArrayList<>();
        if (items.isEmpty()) {
            return metrics;
        }
        for (String key : items.get(0).scores().keySet()) {
            double[] values =
                    items.stream()
                            .mapToDouble(item -> item.scores().getOrDefault(key, Double.NaN))
                            .filter(value -> !Double.isNaN(value))
                            .toArray();
            if (values.length > 0) {
                int comma = key.lastIndexOf(',');
                metrics.add(
                        aggregated(
                                key.substring(0, comma), key.substring(comma + 1), values, items));
            }
        }
        return metrics;
    }

    private MetricValue aggregated(
            String metric, String filter, double[] values, List<ItemResult> items) {
        double value;
        double stderr = Double.NaN;
        switch (metric) {
            case "perplexity" -> {
                ToDoubleFunction<double[]> perplexity =
                        x -> Math.exp(-DoubleStream.of(x).sum() / x.length);
                value = perplexity.applyAsDouble(values);
                stderr =
                        bootstraps == 0
                                ? Double.NaN
                                : StandardError.bootstrap(perplexity, values, bootstraps);
            }
            case "word_perplexity" -> value = Math.exp(-sum(values) / words(items));
            case "byte_perplexity" -> value = Math.exp(-sum(values) / bytes(items));
            case "bits_per_byte" -> value = -sum(values) / bytes(items) / LN2;
            default -> {
                value = sum(values) / values.length;
                stderr = StandardError.ofMean(values);
            }
        }
        return new MetricValue(metric, filter, value, stderr, values.length);
    }

    private static double sum(double[] values) {
        return DoubleStream.of(values).sum();
    }

    private static double words(List<ItemResult> items) {
        return items.stream().mapToLong(item -> ((Item.Document) item.item()).words()).sum();
    }

    private static double bytes(List<ItemResult> items) {
        return items.stream().mapToLong(item -> ((Item.Document) item.item()).bytes()).sum();
    }
}
