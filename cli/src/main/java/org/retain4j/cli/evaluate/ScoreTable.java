package org.retain4j.cli.evaluate;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.retain4j.evaluation.statistics.Estimate;
import org.retain4j.evaluation.statistics.Wilson;
import org.retain4j.evaluation.tasks.MetricValue;
import org.retain4j.evaluation.tasks.TaskResult;

/** Writes scores as plain text. Stateless and thread-safe. */
public final class ScoreTable {

    private static final List<String> HEADER =
            List.of("Task", "Version", "Shots", "Filter", "Metric", "Value", "Stderr", "95 %", "n");

    /** Columns with text, which begin at the left. */
    private static final List<Integer> TEXTS = List.of(0, 3, 4);

    private ScoreTable() {}

    /** Returns the table and a line for everything that does not count, each line with an end. */
    public static String render(List<TaskResult> results) {
        List<List<String>> rows = new ArrayList<>();
        rows.add(HEADER);
        StringBuilder notes = new StringBuilder();
        for (TaskResult result : results) {
            String name = result.task().name();
            result.metrics().forEach(metric -> rows.add(row(result, name, metric)));
            result.groups()
                    .forEach(
                            (group, metrics) ->
                                    metrics.forEach(m -> rows.add(row(result, " - " + group, m))));
            if (result.truncated() > 0) {
                notes.append(
                        "%s: %d prompts were cut on the left to fit into the model\n"
                                .formatted(name, result.truncated()));
            }
            result.skipped()
                    .forEach(
                            (reason, items) ->
                                    notes.append(
                                            "%s: %d items skipped: %s\n"
                                                    .formatted(name, items, reason)));
        }
        return table(rows) + notes;
    }

    private static List<String> row(TaskResult result, String name, MetricValue metric) {
        return List.of(
                name,
                String.valueOf(result.task().version()),
                String.valueOf(result.shots()),
                metric.filter(),
                metric.metric(),
                number(metric.value()),
                Double.isFinite(metric.stderr()) ? number(metric.stderr()) : "",
                interval(metric),
                String.valueOf(metric.items()));
    }

    /** A rate of right answers has an interval of its own; a perplexity has none. */
    private static String interval(MetricValue metric) {
        String name = metric.metric();
        if (name.endsWith("perplexity") || name.equals("bits_per_byte")) {
            return "";
        }
        long right = Math.round(metric.value() * metric.items());
        Estimate interval = Wilson.interval(right, metric.items());
        return String.format(Locale.ROOT, "[%.3f, %.3f]", interval.low(), interval.high());
    }

    private static String number(double value) {
        return Math.abs(value) < 1e5
                ? String.format(Locale.ROOT, "%.4f", value)
                : String.format(Locale.ROOT, "%.4e", value);
    }

    private static String table(List<List<String>> rows) {
        int[] widths = new int[HEADER.size()];
        for (List<String> row : rows) {
            for (int c = 0; c < widths.length; c++) {
                widths[c] = Math.max(widths[c], row.get(c).length());
            }
        }
        StringBuilder text = new StringBuilder();
        for (List<String> row : rows) {
            StringBuilder line = new StringBuilder();
            for (int c = 0; c < widths.length; c++) {
                String cell = row.get(c);
                String padding = " ".repeat(widths[c] - cell.length());
                line.append(c == 0 ? "" : "  ");
                line.append(TEXTS.contains(c) ? cell + padding : padding + cell);
            }
            text.append(line.toString().stripTrailing()).append('\n');
        }
        return text.toString();
    }
}
