package org.retain4j.evaluation.report;

import static org.retain4j.evaluation.report.Html.escape;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import org.retain4j.core.io.AtomicFile;
import org.retain4j.evaluation.contamination.ContaminatedItem;
import org.retain4j.evaluation.contamination.TaskContamination;
import org.retain4j.evaluation.report.EvaluationStatistics.Change;
import org.retain4j.evaluation.report.EvaluationStatistics.Dominated;
import org.retain4j.evaluation.statistics.Estimate;

/**
 * Writes an evaluation as one HTML page that opens without a network: a model, a model before and
 * after, or several methods.
 *
 * <p>Styles and pictures are inside the page and there is no script. All text of models and data is
 * escaped. Scores come with 95 % intervals; changes are paired by item, tested exactly (McNemar)
 * for one run of right and wrong and by bootstrap otherwise, and adjusted (Holm) for all changes of
 * the page. Stateless and thread-safe.
 */
public final class EvaluationReport {

    /** Changed answers shown of a method. */
    private static final int EXAMPLES = 12;

    /** Contaminated items listed of a task. */
    private static final int LISTED = 100;

    private static final int PAIR = 2;

    private final EvaluationSummary summary;
    private final EvaluationStatistics statistics;
    private final StringBuilder html;

    private EvaluationReport(EvaluationSummary summary) {
        this.summary = summary;
        this.statistics = new EvaluationStatistics(summary);
        this.html = HtmlPage.begin(summary.title(), summary.retain4jVersion(), summary.createdAt());
    }

    /** Returns the page. */
    public static String render(EvaluationSummary summary) {
        return new EvaluationReport(summary).page();
    }

    /**
     * Writes the page, replacing the file at once or not at all.
     *
     * @throws IOException if the file cannot be written
     */
    public static void write(EvaluationSummary summary, Path file) throws IOException {
        AtomicFile.write(file, render(summary));
    }

    private String page() {
        html.append("<h1>").append(escape(summary.title())).append("</h1>\n");
        findings();
        notes();
        html.append("</header>\n<main>\n");
        if (summary.methods().size() == 1) {
            single();
        } else if (summary.methods().size() == PAIR) {
            pair();
        } else {
            tasks();
        }
        plot();
        examples();
        contamination();
        cost();
        settings();
        html.append("</main>\n</body>\n</html>\n");
        return html.toString();
    }

    private void findings() {
        if (summary.others().isEmpty()) {
            return;
        }
        String reference = summary.methods().get(0).title();
        html.append("<ul>\n");
        for (EvaluatedMethod method : summary.others()) {
            Map<String, Change> changes = statistics.changes(method);
            if (changes.isEmpty()) {
                line("%s has no items in common with %s.".formatted(method.title(), reference));
                continue;
            }
            List<String> better = new ArrayList<>();
            List<String> worse = new ArrayList<>();
            changes.forEach(
                    (key, change) -> {
                        if (change.isSignificant()) {
                            (change.better() ? better : worse)
                                    .add(
                                            key
                                                    + HtmlPage.number(
                                                            " (%+.3f)",
                                                            change.difference().value()));
                        }
                    });
            String text = method.title() + " against " + reference + ": ";
            if (better.isEmpty() && worse.isEmpty()) {
                text += "no score of %d changed beyond chance.".formatted(changes.size());
            } else {
                text +=
                        (worse.isEmpty() ? "nothing got worse" : "worse " + join(worse))
                                + (better.isEmpty()
                                        ? ", nothing better"
                                        : ", better " + join(better))
                                + ".";
            }
            line(text);
        }
        html.append("</ul>\n");
    }

    private static String join(List<String> parts) {
        return String.join(", ", parts);
    }

    private void line(String text) {
        html.append("<li>").append(escape(text)).append("</li>\n");
    }

    private void notes() {
        if (!summary.notes().isEmpty()) {
            html.append("<ul class=\"soft\">\n");
            summary.notes().forEach(this::line);
            html.append("</ul>\n");
        }
    }

    private void single() {
        EvaluatedMethod method = summary.methods().get(0);
        html.append("<h2>Scores</h2>\n");
        open("Score", "", "Value", "Stderr", "Items");
        for (String key : statistics.keys()) {
            TaskScores scores = EvaluationStatistics.scores(method, key).orElseThrow();
            html.append("<tr>");
            name(key, scores.higherIsBetter());
            bar(method, key);
            estimate(statistics.value(method, key), "%.3f", "");
            double stderr = scores.stderr();
            cell(
                    method.runs().size() == 1 && Double.isFinite(stderr)
                            ? HtmlPage.number("%.3f", stderr)
                            : "–");
            cell(String.valueOf(scores.items().size()));
            html.append("</tr>\n");
        }
        close();
        soft(
                "Below each value its 95 % interval: Wilson's for shares of right answers, else a"
                        + " bootstrap over items and seeds.");
    }

    private void pair() {
        EvaluatedMethod before = summary.methods().get(0);
        EvaluatedMethod after = summary.methods().get(1);
        html.append("<h2>Scores</h2>\n");
        open(
                "Score",
                "Change",
                before.title(),
                after.title(),
                "Worse / better",
                "p",
                "Detectable",
                "Items");
        for (String key : statistics.keys()) {
            html.append("<tr>");
            name(key, statistics.sign(key) > 0);
            Optional<Change> change = statistics.change(after, key);
            difference(change);
            estimate(statistics.value(before, key), "%.3f", "");
            estimate(statistics.value(after, key), "%.3f", "");
            test(change);
            cell(
                    change.map(Change::detectable)
                            .filter(effect -> !Double.isNaN(effect))
                            .map(effect -> HtmlPage.number("%.3f", effect))
                            .orElse("–"));
            cell(change.map(c -> String.valueOf(c.items())).orElse("–"));
            html.append("</tr>\n");
        }
        close();
        explainChanges();
        html.append("<h2>Task by task</h2>\n");
        for (String key : statistics.keys()) {
            heading(key);
            open("", "", "Value");
            for (EvaluatedMethod method : summary.methods()) {
                html.append("<tr><td>").append(escape(method.title())).append("</td>");
                bar(method, key);
                estimate(statistics.value(method, key), "%.3f", "");
                html.append("</tr>\n");
            }
            close();
        }
    }

    private void tasks() {
        html.append("<h2>Scores</h2>\n");
        for (String key : statistics.keys()) {
            heading(key);
            open("Method", "", "Value", "Change", "Worse / better", "p");
            for (EvaluatedMethod method : summary.methods()) {
                html.append("<tr><td>").append(escape(method.title())).append("</td>");
                bar(method, key);
                estimate(statistics.value(method, key), "%.3f", "");
                Optional<Change> change = statistics.change(method, key);
                difference(change);
                test(change);
                html.append("</tr>\n");
            }
            close();
        }
        explainChanges();
    }

    private void explainChanges() {
        html.append("<p class=\"soft\">Below each value its 95 % interval. Changes are against “")
                .append(escape(summary.methods().get(0).title()))
                .append(
                        "” on the same items and seeds, coloured where the p-value, adjusted by Holm"
                                + " for all changes of this page, is below 0.05; p is that adjusted"
                                + " value, of McNemar's exact test where each side is one run of"
                                + " right and wrong answers, else of a bootstrap of 10,000 samples."
                                + " “Worse / better” counts answers that changed.");
        if (summary.methods().size() == PAIR) {
            html.append(
                    " “Detectable” is the smallest change that so many items would show four times"
                            + " out of five.");
        }
        html.append("</p>\n");
    }

    private void heading(String key) {
        html.append("<h3>")
                .append(escape(key))
                .append(statistics.sign(key) > 0 ? "" : " <small>less is better</small>")
                .append("</h3>\n");
    }

    private void difference(Optional<Change> found) {
        String style =
                found.filter(Change::isSignificant)
                        .map(c -> c.better() ? "more" : "less")
                        .orElse("");
        estimate(found.map(Change::difference), "%+.3f", style);
    }

    private void test(Optional<Change> found) {
        cell(
                found.map(Change::flips)
                        .map(flips -> flips.worse() + " / " + flips.better())
                        .orElse("–"));
        cell(
                found.map(Change::adjusted)
                        .map(p -> p < 0.001 ? "&lt; 0.001" : HtmlPage.number("%.3f", p))
                        .orElse("–"));
    }

    private void bar(EvaluatedMethod method, String key) {
        Optional<Estimate> found = statistics.value(method, key);
        if (found.isEmpty()) {
            html.append("<td></td>");
            return;
        }
        boolean isRate =
                EvaluationStatistics.scores(method, key).filter(TaskScores::isRate).isPresent();
        double scale = 100 / (isRate ? 1 : Math.max(1e-9, statistics.largest(key)));
        Estimate estimate = found.get();
        html.append(
                String.format(
                        Locale.ROOT,
                        "<td class=\"bar\"><svg viewBox=\"0 0 100 12\" preserveAspectRatio=\"none\""
                                + " aria-hidden=\"true\"><rect class=\"back\" width=\"100\""
                                + " height=\"12\"/><rect y=\"2\" width=\"%.2f\" height=\"8\"/>"
                                + "<line x1=\"%.2f\" x2=\"%.2f\" y1=\"6\" y2=\"6\"/></svg></td>",
                        within(scale * estimate.value()),
                        within(scale * estimate.low()),
                        within(scale * estimate.high())));
    }

    private static double within(double percent) {
        return Math.max(0, Math.min(100, percent));
    }

    private void plot() {
        if (summary.learned().isEmpty()
                || summary.retained().isEmpty()
                || statistics.plotted().size() < 2) {
            return;
        }
        html.append("<h2>Learning against forgetting</h2>\n");
        HtmlPage.plot(html, () -> EvaluationPlot.svg(summary, statistics));
        soft(
                "Up and to the right is better; on the dashed line nothing is forgotten. The two"
                        + " bars of a point hold together with 95 % (each 97.5 %), over seeds and"
                        + " items.");
        List<Dominated> dominated = statistics.dominated();
        if (dominated.isEmpty()) {
            html.append(
                    "<p>No method is better than another in both beyond chance, so the data name no"
                            + " winner.</p>\n");
        } else {
            html.append("<p>Better in both, with both paired 95 % intervals apart from 0:</p><ul>");
            Map<String, List<String>> worse = new LinkedHashMap<>();
            dominated.forEach(
                    d -> worse.computeIfAbsent(d.better(), b -> new ArrayList<>()).add(d.worse()));
            worse.forEach((better, all) -> line(better + " than " + join(all)));
            html.append("</ul>\n");
        }
    }

    private void examples() {
        if (summary.changes().isEmpty()) {
            return;
        }
        html.append("<h2>Right before, wrong now</h2>\n");
        for (EvaluatedMethod method : summary.others()) {
            List<AnswerChange> own =
                    summary.changes().stream()
                            .filter(change -> change.method().equals(method.title()))
                            .toList();
            if (own.isEmpty()) {
                continue;
            }
            html.append("<h3>")
                    .append(escape(method.title()))
                    .append("</h3>\n<div class=\"samples\">\n");
            spread(own).forEach(this::example);
            html.append("</div>\n");
            if (own.size() > EXAMPLES) {
                soft("%d of %d such items.".formatted(EXAMPLES, own.size()));
            }
        }
    }

    /** Takes items of all tasks in turn. */
    private static List<AnswerChange> spread(List<AnswerChange> all) {
        Map<String, List<AnswerChange>> byTask = new LinkedHashMap<>();
        all.forEach(c -> byTask.computeIfAbsent(c.task(), t -> new ArrayList<>()).add(c));
        List<AnswerChange> some = new ArrayList<>();
        for (int round = 0; some.size() < Math.min(EXAMPLES, all.size()); round++) {
            for (List<AnswerChange> task : byTask.values()) {
                if (round < task.size() && some.size() < EXAMPLES) {
                    some.add(task.get(round));
                }
            }
        }
        return some;
    }

    private void example(AnswerChange change) {
        html.append("<div class=\"sample\"><b>")
                .append(escape(change.task()))
                .append(", item ")
                .append(escape(change.item()))
                .append("</b><p>")
                .append(escape(change.question()))
                .append("</p><dl><dt>right</dt><dd>")
                .append(escape(change.expected()))
                .append("</dd><dt>before</dt><dd>")
                .append(escape(change.before()))
                .append("</dd><dt>now</dt><dd class=\"less\">")
                .append(escape(change.after()))
                .append("</dd></dl></div>\n");
    }

    private void contamination() {
        if (summary.trainingTexts() == 0) {
            return;
        }
        html.append("<h2>Evaluated items in the training data</h2>\n");
        open("Task", "Items", "Found", "Too short to tell");
        for (TaskContamination task : summary.contamination()) {
            html.append("<tr><td>").append(escape(task.task())).append("</td>");
            cell(String.valueOf(task.items()));
            int found = task.contaminated().size();
            html.append("<td><span class=\"")
                    .append(found > 0 ? "less" : "")
                    .append("\">")
                    .append(found)
                    .append("</span></td>");
            cell(String.valueOf(task.tooShort()));
            html.append("</tr>\n");
        }
        close();
        soft(
                String.format(
                        Locale.ROOT,
                        "Items of which 13 words in a row (all, where an item has 8 to 12) are in"
                                + " one of %,d training texts. Scores of these items may be"
                                + " remembered rather than known.",
                        summary.trainingTexts()));
        for (TaskContamination task : summary.contamination()) {
            List<ContaminatedItem> items = task.contaminated();
            if (items.isEmpty()) {
                continue;
            }
            html.append("<h3>").append(escape(task.task())).append("</h3>\n");
            open("Item", "Share of its 13-grams", "Where");
            for (ContaminatedItem item : items.subList(0, Math.min(LISTED, items.size()))) {
                html.append("<tr><td>").append(escape(item.item())).append("</td>");
                cell(HtmlPage.number("%.0f %%", 100 * item.overlap()));
                html.append("<td class=\"text\">")
                        .append(escape(item.source()))
                        .append("</td></tr>\n");
            }
            close();
            if (items.size() > LISTED) {
                soft("%d of %d; the rest is in the results.".formatted(LISTED, items.size()));
            }
        }
    }

    private void cost() {
        if (summary.methods().stream()
                .flatMap(method -> method.runs().stream())
                .allMatch(run -> run.cost().equals(RunCost.UNKNOWN))) {
            return;
        }
        html.append("<h2>Cost</h2>\n");
        open(
                "Method",
                "Runs",
                "Training",
                "Trained tokens",
                "Other tokens",
                "Evaluation",
                "Peak memory");
        for (EvaluatedMethod method : summary.methods()) {
            List<RunCost> costs = method.runs().stream().map(EvaluatedRun::cost).toList();
            html.append("<tr><td>").append(escape(method.title())).append("</td>");
            cell(String.valueOf(costs.size()));
            cell(seconds(mean(costs.stream().mapToDouble(RunCost::trainingSeconds).sum(), costs)));
            cell(count(mean(costs.stream().mapToDouble(RunCost::trainingTokens).sum(), costs)));
            cell(count(mean(costs.stream().mapToDouble(RunCost::extraTokens).sum(), costs)));
            cell(
                    seconds(
                            mean(
                                    costs.stream().mapToDouble(RunCost::evaluationSeconds).sum(),
                                    costs)));
            double peak = costs.stream().mapToDouble(RunCost::peakBytes).max().orElse(0);
            cell(peak == 0 ? "–" : HtmlPage.number("%.2f GB", peak / 1e9));
            html.append("</tr>\n");
        }
        close();
        soft(
                "Time and tokens of one run, on average; other tokens are replayed ones and those"
                        + " of teachers, Fisher information and generation. – was not measured.");
    }

    private static double mean(double sum, List<RunCost> costs) {
        return sum / costs.size();
    }

    private static String seconds(double seconds) {
        if (seconds == 0) {
            return "–";
        }
        return seconds < 120
                ? HtmlPage.number("%.1f s", seconds)
                : HtmlPage.number("%.1f min", seconds / 60);
    }

    private static String count(double tokens) {
        return tokens == 0 ? "–" : HtmlPage.number("%,.0f", tokens);
    }

    private void settings() {
        html.append("<h2>Settings</h2>\n");
        HtmlPage.entries(html, summary.settings());
        for (EvaluatedMethod method : summary.methods()) {
            if (!method.options().isEmpty()) {
                html.append("<h3>").append(escape(method.title())).append("</h3>\n");
                HtmlPage.entries(html, method.options());
            }
        }
        if (!summary.environment().isEmpty()) {
            html.append("<h2>Environment</h2>\n");
            HtmlPage.entries(html, summary.environment());
        }
    }

    private void open(String... columns) {
        html.append("<div class=\"scroll\"><table>\n<thead><tr>");
        for (String column : columns) {
            html.append("<th>").append(escape(column)).append("</th>");
        }
        html.append("</tr></thead>\n<tbody>\n");
    }

    private void close() {
        html.append("</tbody></table></div>\n");
    }

    private void name(String key, boolean higherIsBetter) {
        html.append("<td>")
                .append(escape(key))
                .append(higherIsBetter ? "" : "<small>less is better</small>")
                .append("</td>");
    }

    /** Adds a cell; the text is HTML. */
    private void cell(String text) {
        html.append("<td>").append(text).append("</td>");
    }

    private void estimate(Optional<Estimate> found, String format, String style) {
        if (found.isEmpty()) {
            html.append("<td>–</td>");
            return;
        }
        Estimate estimate = found.get();
        html.append("<td><span class=\"")
                .append(style)
                .append("\">")
                .append(HtmlPage.number(format, estimate.value()))
                .append("</span><small>")
                .append(HtmlPage.number(format, estimate.low()))
                .append(" … ")
                .append(HtmlPage.number(format, estimate.high()))
                .append("</small></td>");
    }

    private void soft(String text) {
        html.append("<p class=\"soft\">").append(escape(text)).append("</p>\n");
    }
}
