package org.retain4j.cli.recipe;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.retain4j.evaluation.metrics.ScoreMatrix;
import org.retain4j.evaluation.report.SequenceReport;

/**
 * What a sequence of tasks came to. More is better in every score; bits per byte are negative.
 *
 * @param title what the sequence is called
 * @param tasks names of the tasks in their order
 * @param tests names of their tests
 * @param base scores before the first task
 * @param scores {@code scores[stage][task]}
 * @param averageAccuracy ACC: mean of the last row
 * @param learningAccuracy mean of the scores just after learning
 * @param backwardTransfer BWT: what later tasks did to earlier ones; negative is forgetting
 * @param forwardTransfer FWT: what earlier tasks did for later ones before they were learned
 * @param forgetting mean over tasks of the best score so far minus the last
 * @param forgettingPerTask the same of each task but the last
 * @param joint scores of a model that learned all tasks at once; null when none did
 * @param intransigence mean over tasks of the joint model's score minus that just after learning;
 *     null without a joint model
 */
public record SequenceResult(
        String title,
        List<String> tasks,
        List<String> tests,
        List<Double> base,
        double[][] scores,
        double averageAccuracy,
        double learningAccuracy,
        double backwardTransfer,
        double forwardTransfer,
        double forgetting,
        double[] forgettingPerTask,
        @Nullable List<Double> joint,
        @Nullable Double intransigence) {

    static SequenceResult of(
            String title,
            List<String> tasks,
            List<String> tests,
            List<Double> base,
            ScoreMatrix matrix,
            @Nullable List<Double> joint) {
        double[] before = base.stream().mapToDouble(Double::doubleValue).toArray();
        return new SequenceResult(
                title,
                tasks,
                tests,
                base,
                matrix.scores(),
                matrix.averageAccuracy(),
                matrix.learningAccuracy(),
                matrix.backwardTransfer(),
                matrix.forwardTransfer(before),
                matrix.forgetting(),
                matrix.forgettingPerTask(),
                joint,
                joint == null
                        ? null
                        : matrix.intransigence(
                                joint.stream().mapToDouble(Double::doubleValue).toArray()));
    }

    /** Returns the table that is printed: a stage a line, a test a column. */
    public String table() {
        StringBuilder text = new StringBuilder();
        text.append("| after | ").append(String.join(" | ", tests)).append(" |\n| --- |");
        text.append(" --- |".repeat(tests.size())).append('\n');
        text.append(line("base model", base));
        for (int stage = 0; stage < tasks.size(); stage++) {
            text.append(line(tasks.get(stage), Arrays.stream(scores[stage]).boxed().toList()));
        }
        if (joint != null) {
            text.append(line("all at once", joint));
        }
        if (intransigence != null) {
            text.append(String.format(Locale.ROOT, "%nintransigence %+.4f", intransigence));
        }
        return text.append(
                        String.format(
                                Locale.ROOT,
                                "%nACC %.4f, BWT %+.4f, FWT %+.4f, forgetting %.4f, learning"
                                        + " accuracy %.4f (more is better; bits per byte are"
                                        + " negative)%n",
                                averageAccuracy,
                                backwardTransfer,
                                forwardTransfer,
                                forgetting,
                                learningAccuracy))
                .toString();
    }

    /** Returns what the page of the sequence shows. */
    public SequenceReport.Content content(String version, String createdAt) {
        Map<String, Object> metrics = new LinkedHashMap<>();
        metrics.put("ACC, mean of the last row", number(averageAccuracy));
        metrics.put("BWT, what later tasks did to earlier ones", number(backwardTransfer));
        metrics.put("FWT, what earlier tasks did for later ones", number(forwardTransfer));
        metrics.put("Forgetting, best so far minus last", number(forgetting));
        metrics.put("Learning accuracy, just after learning", number(learningAccuracy));
        if (intransigence != null) {
            metrics.put("Intransigence, against all at once", number(intransigence));
        }
        return new SequenceReport.Content(
                title, version, createdAt, tasks, base, scores, metrics, List.of());
    }

    private static String number(double value) {
        return String.format(Locale.ROOT, "%.4f", value);
    }

    private static String line(String name, List<Double> row) {
        List<String> cells = new ArrayList<>();
        row.forEach(score -> cells.add(String.format(Locale.ROOT, "%.4f", score)));
        return "| " + name + " | " + String.join(" | ", cells) + " |\n";
    }
}
