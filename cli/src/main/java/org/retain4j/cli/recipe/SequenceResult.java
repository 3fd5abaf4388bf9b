package org.retain4j.cli.recipe;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import org.retain4j.evaluation.metrics.ScoreMatrix;

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
        double[] forgettingPerTask) {

    static SequenceResult of(
            String title,
            List<String> tasks,
            List<String> tests,
            List<Double> base,
            ScoreMatrix matrix) {
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
                matrix.forgettingPerTask());
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

    private static String line(String name, List<Double> row) {
        List<String> cells = new ArrayList<>();
        row.forEach(score -> cells.add(String.format(Locale.ROOT, "%.4f", score)));
        return "| " + name + " | " + String.join(" | ", cells) + " |\n";
    }
}
