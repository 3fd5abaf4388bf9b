package org.retain4j.evaluation.report;

import static org.retain4j.evaluation.report.Html.escape;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.function.ToDoubleFunction;
import org.knowm.xchart.XYChart;
import org.retain4j.core.io.AtomicFile;

/**
 * Writes a training run as one HTML page that opens without a network.
 *
 * <p>Charts of loss, evaluations, gradient norm, learning rate and throughput, what was forgotten,
 * generations before and after, options and provenance. Styles and pictures are inside the page and
 * there is no script. All text is escaped. Charts without a finite value are left out; where none
 * can be drawn, one sentence says why. Stateless and thread-safe.
 */
public final class TrainingReport {
    private static final int MOST_MESSAGES = 100;

    private TrainingReport() {}

    /** Turns a built chart into an {@code svg} element. */
    @FunctionalInterface
    interface Renderer {
        String svg(Chart chart, TrainingSummary run) throws PlotUnavailableException;
    }

    /**
     * A chart of the page.
     *
     * @param id name of the picture inside the page
     * @param heading plain words above it
     * @param builder builds it
     */
    record Chart(String id, String heading, Function<TrainingSummary, XYChart> builder) {
        String svg(TrainingSummary run) throws PlotUnavailableException {
            return SvgChart.svg(
                    () -> builder.apply(run),
                    "Line chart over the optimizer steps: " + heading + ".",
                    id);
        }
    }

    /** Returns the page. */
    public static String render(TrainingSummary run) {
        return render(run, Chart::svg);
    }

    /**
     * Writes the page, replacing the file at once or not at all.
     *
     * @throws IOException if the file cannot be written
     */
    public static void write(TrainingSummary run, Path file) throws IOException {
        AtomicFile.write(file, render(run));
    }

    static String render(TrainingSummary run, Renderer renderer) {
        StringBuilder html = HtmlPage.begin(run.title(), run.retain4jVersion(), run.createdAt());
        html.append("<h1>").append(escape(run.title())).append("</h1>\n");
        list(html, run.results());
        html.append("</header>\n<main>\n");
        messages(html, run.messages());
        boolean drawn = true;
        List<Chart> charts = charts(run);
        if (!charts.isEmpty()) {
            html.append("<h2>During training</h2>\n");
        }
        for (Chart chart : charts) {
            if (drawn) {
                html.append("<h3>").append(chart.heading()).append("</h3>\n");
                drawn = HtmlPage.plot(html, () -> renderer.svg(chart, run));
            }
        }
        if (!charts.isEmpty() && drawn) {
            html.append(
                    "<p class=\"soft\">Where a number scatters from step to step, the strong line is"
                            + " its mean over a twenty-fifth of the run. Axes over which it changes a"
                            + " hundredfold are logarithmic.</p>\n");
        }
        if (charts.isEmpty()) {
            html.append("<p>No step was recorded, so there are no charts.</p>\n");
        }
        evaluations(html, run, true);
        evaluations(html, run, false);
        samples(html, run.samples());
        section(html, "Configuration", run.configuration());
        section(html, "Provenance", run.provenance());
        return html.append("</main>\n</body>\n</html>\n").toString();
    }

    /** The charts that have something to show. */
    static List<Chart> charts(TrainingSummary run) {
        List<Chart> charts = new ArrayList<>();
        if (has(run, TrainingPoint::loss)) {
            charts.add(new Chart("loss", "Training loss", TrainingPlot::trainLoss));
        }
        if (hasEvaluation(run, false)) {
            charts.add(
                    new Chart(
                            "eval",
                            "Loss on held-out text",
                            any -> TrainingPlot.evaluation(any, false)));
        }
        if (hasEvaluation(run, true)) {
            charts.add(
                    new Chart(
                            "forgetting",
                            "Forgetting: loss on old text",
                            any -> TrainingPlot.evaluation(any, true)));
        }
        if (has(run, TrainingPoint::gradientNorm)) {
            charts.add(new Chart("norm", "Gradient norm", TrainingPlot::gradientNorm));
        }
        if (has(run, TrainingPoint::learningRate)) {
            charts.add(new Chart("rate", "Learning rate", TrainingPlot::learningRate));
        }
        if (has(run, TrainingPoint::tokensPerSecond)) {
            charts.add(new Chart("speed", "Throughput", TrainingPlot::throughput));
        }
        return charts;
    }

    private static boolean has(TrainingSummary run, ToDoubleFunction<TrainingPoint> value) {
        return !StepSeries.of(run.points(), value).isEmpty();
    }

    private static boolean hasEvaluation(TrainingSummary run, boolean ofRetention) {
        return run.evaluated(ofRetention).stream()
                .anyMatch(name -> !StepSeries.ofEvaluation(run.points(), name).isEmpty());
    }

    private static void list(StringBuilder html, List<String> lines) {
        if (lines.isEmpty()) {
            return;
        }
        html.append("<ul>\n");
        for (String line : lines) {
            html.append("<li>").append(escape(line)).append("</li>\n");
        }
        html.append("</ul>\n");
    }

    private static void messages(StringBuilder html, List<String> messages) {
        if (messages.isEmpty()) {
            return;
        }
        html.append("<h2>Worth knowing</h2>\n");
        if (messages.size() <= MOST_MESSAGES) {
            list(html, messages);
            return;
        }
        list(html, messages.subList(0, MOST_MESSAGES));
        html.append("<p class=\"soft\">and ")
                .append(messages.size() - MOST_MESSAGES)
                .append(" more.</p>\n");
    }

    private static void evaluations(StringBuilder html, TrainingSummary run, boolean ofRetention) {
        if (!hasEvaluation(run, ofRetention)) {
            return;
        }
        html.append(ofRetention ? "<h2>What was forgotten</h2>\n" : "<h2>Held-out text</h2>\n")
                .append("<div class=\"scroll\"><table>\n<thead><tr><th>Text</th>")
                .append("<th>Before</th><th>Lowest</th><th>Highest</th><th>After</th>")
                .append("<th>Change</th></tr></thead>\n<tbody>\n");
        for (String name : run.evaluated(ofRetention)) {
            StepSeries series = StepSeries.ofEvaluation(run.points(), name);
            double before = StepSeries.before(run.points(), name);
            double change = series.last() - before;
            html.append("<tr><td>").append(escape(name)).append("</td>");
            cell(html, "%.4f", before, "");
            cell(html, "%.4f", series.min(), "");
            cell(html, "%.4f", series.max(), "");
            cell(html, "%.4f", series.last(), "");
            cell(html, "%+.4f", change, change > 0 ? "less" : change < 0 ? "more" : "");
            html.append("</tr>\n");
        }
        html.append("</tbody></table></div>\n<p class=\"soft\">Loss in nats a token, lower is")
                .append(" better; lowest and highest of all measurements.</p>\n");
    }

    private static void cell(StringBuilder html, String format, double value, String style) {
        html.append("<td><span class=\"")
                .append(style)
                .append("\">")
                .append(Double.isFinite(value) ? HtmlPage.number(format, value) : "–")
                .append("</span></td>");
    }

    private static void samples(StringBuilder html, List<SampleChange> samples) {
        if (samples.isEmpty()) {
            return;
        }
        html.append("<h2>What the model writes</h2>\n");
        for (SampleChange sample : samples) {
            html.append("<h3>Prompt</h3>\n<p class=\"prompt\">")
                    .append(escape(sample.prompt()))
                    .append("</p>\n<div class=\"samples\">\n<div class=\"sample\"><b>Before</b><p>")
                    .append(escape(sample.before()))
                    .append("</p></div>\n<div class=\"sample\"><b>After</b><p>")
                    .append(escape(sample.after()))
                    .append("</p></div>\n</div>\n");
        }
    }

    private static void section(StringBuilder html, String heading, Map<String, Object> entries) {
        if (!entries.isEmpty()) {
            html.append("<h2>").append(heading).append("</h2>\n");
            HtmlPage.entries(html, entries);
        }
    }
}
