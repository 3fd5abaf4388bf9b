package org.retain4j.evaluation.report;

import static org.retain4j.evaluation.report.Html.escape;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.retain4j.core.io.AtomicFile;
import org.retain4j.evaluation.statistics.Estimate;

/**
 * Writes a comparison as one HTML page that opens without a network.
 *
 * <p>Styles and pictures are inside the page and there is no script. All text of the result is
 * escaped. Where plots cannot be drawn, one sentence in their place says why. Stateless and
 * thread-safe.
 */
public final class HtmlReport {
    private HtmlReport() {}

    /** The drawing of one plot. */
    @FunctionalInterface
    interface Plot {
        String svg(ComparisonResult result) throws PlotUnavailableException;
    }

    /** Returns the page. */
    public static String render(ComparisonResult result) {
        return render(result, ParetoPlot::svg, CurvePlot::learned, CurvePlot::retained);
    }

    /**
     * Writes the page, replacing the file at once or not at all.
     *
     * @throws IOException if the file cannot be written
     */
    public static void write(ComparisonResult result, Path file) throws IOException {
        AtomicFile.write(file, render(result));
    }

    static String render(ComparisonResult result, Plot pareto, Plot learned, Plot retained) {
        Findings findings = Findings.of(result);
        StringBuilder html =
                HtmlPage.begin(
                        "learned and retained", result.retain4jVersion(), result.createdAt());
        html.append("<h1>").append(escape(findings.headline())).append("</h1>\n");
        if (!findings.details().isEmpty()) {
            html.append("<ul>\n");
            for (String detail : findings.details()) {
                html.append("<li>").append(escape(detail)).append("</li>\n");
            }
            html.append("</ul>\n");
        }
        html.append("<p><b>Model:</b> ")
                .append(escape(result.model()))
                .append("<br><b>New text:</b> ")
                .append(escape(result.learnText()))
                .append("<br><b>Old text:</b> ")
                .append(escape(result.retainText()))
                .append("</p>\n</header>\n<main>\n");

        html.append("<h2>Learning against forgetting</h2>\n");
        plot(html, result, pareto);
        html.append(
                "<p class=\"soft\">One point a method; the bars are 95 % intervals over seeds and"
                        + " documents. Both axes run backwards, so up and to the right is better. On"
                        + " the dashed line nothing is forgotten.</p>\n");
        table(html, result, findings);
        curves(html, result, learned, retained);
        samples(html, result);
        methods(html, result);
        html.append("<h2>Settings</h2>\n");
        HtmlPage.entries(html, result.settings());
        html.append("<h2>Environment</h2>\n");
        HtmlPage.entries(html, result.environment());
        html.append("<p class=\"soft\">The whole comparison took ")
                .append(seconds(result.seconds()))
                .append(".</p>\n</main>\n</body>\n</html>\n");
        return html.toString();
    }

    private static boolean plot(StringBuilder html, ComparisonResult result, Plot plot) {
        return HtmlPage.plot(html, () -> plot.svg(result));
    }

    private static void table(StringBuilder html, ComparisonResult result, Findings findings) {
        html.append(
                """
                <h2>Results</h2>
                <div class="scroll"><table>
                <thead><tr><th>Method</th><th>New text</th><th>Old text</th><th>New − plain</th>
                <th>Old − plain</th><th>Learning rate</th><th>New tokens</th><th>Replayed tokens</th>
                <th>Overhead tokens</th><th>Memory, MB</th><th>Time</th></tr></thead>
                <tbody>
                """);
        html.append("<tr><td>Base model</td>");
        estimate(html, result.baseLearned(), "%.3f", "");
        estimate(html, result.baseRetained(), "%.3f", "");
        html.append("<td></td>".repeat(8)).append("</tr>\n");
        for (int i = 0; i < result.methods().size(); i++) {
            MethodResult method = result.methods().get(i);
            String kept =
                    switch (findings.verdicts().get(i)) {
                        case KEPT_MORE -> "more";
                        case KEPT_LESS -> "less";
                        case REFERENCE, UNCLEAR -> "";
                    };
            html.append("<tr><td>").append(escape(method.title())).append("</td>");
            estimate(html, method.learned(), "%.3f", "");
            estimate(html, method.retained(), "%.3f", "");
            estimate(html, method.learnedMinusPlain(), "%+.3f", "");
            estimate(html, method.retainedMinusPlain(), "%+.3f", kept);
            for (String cell :
                    List.of(
                            rate(method.learningRate()),
                            count(method.newTokens()),
                            count(method.replayedTokens()),
                            count(method.overheadTokens()),
                            HtmlPage.number("%.1f", method.memoryBytes() / 1e6),
                            seconds(method.seconds()))) {
                html.append("<td>").append(cell).append("</td>");
            }
            html.append("</tr>\n");
        }
        html.append(
                "</tbody></table></div>\n"
                        + "<p class=\"soft\">Bits per byte on held-out text, lower is better; below"
                        + " each value its 95 % interval. “− plain” is the paired difference to plain"
                        + " fine-tuning on the same seeds and documents: below zero is better, coloured"
                        + " where the interval excludes zero for the old text. Tokens and time are"
                        + " those of one run; overhead tokens go through the model outside the training"
                        + " budget (Fisher information, teacher, generation). Memory is counted: weights,"
                        + " gradients, optimizer and what the method keeps; activations come on"
                        + " top.</p>\n");
    }

    private static void estimate(
            StringBuilder html, @Nullable Estimate estimate, String format, String style) {
        if (estimate == null) {
            html.append("<td>–</td>");
            return;
        }
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

    private static void curves(
            StringBuilder html, ComparisonResult result, Plot learned, Plot retained) {
        if (result.methods().stream().allMatch(method -> method.curves().isEmpty())) {
            return;
        }
        html.append("<h2>During training</h2>\n<h3>Learning the new text</h3>\n");
        if (plot(html, result, learned)) {
            html.append("<h3>Forgetting the old text</h3>\n");
            plot(html, result, retained);
            html.append("<p class=\"soft\">Mean over the seeds; lower is better in both.</p>\n");
        }
    }

    private static void samples(StringBuilder html, ComparisonResult result) {
        Map<String, List<String[]>> byPrompt = new LinkedHashMap<>();
        collect(byPrompt, "Base model", result.baseSamples());
        for (MethodResult method : result.methods()) {
            collect(byPrompt, method.title(), method.samples());
        }
        if (byPrompt.isEmpty()) {
            return;
        }
        html.append("<h2>What the models write</h2>\n");
        byPrompt.forEach(
                (prompt, texts) -> {
                    html.append("<h3>Prompt</h3>\n<p class=\"prompt\">")
                            .append(escape(prompt))
                            .append("</p>\n<div class=\"samples\">\n");
                    for (String[] text : texts) {
                        html.append("<div class=\"sample\"><b>")
                                .append(escape(text[0]))
                                .append("</b><p>")
                                .append(escape(text[1]))
                                .append("</p></div>\n");
                    }
                    html.append("</div>\n");
                });
    }

    private static void collect(
            Map<String, List<String[]>> byPrompt, String author, List<TextSample> samples) {
        for (TextSample sample : samples) {
            byPrompt.computeIfAbsent(sample.prompt(), prompt -> new ArrayList<>())
                    .add(new String[] {author, sample.continuation()});
        }
    }

    private static void methods(StringBuilder html, ComparisonResult result) {
        html.append("<h2>Methods</h2>\n");
        for (MethodResult method : result.methods()) {
            html.append("<details><summary>")
                    .append(escape(method.title()))
                    .append("</summary>\n<p>")
                    .append(escape(method.paper()))
                    .append("</p>\n<p class=\"soft\">On the command line: <code>")
                    .append(escape(method.name()))
                    .append("</code>. Seeds: ")
                    .append(method.curves().stream().map(c -> Long.toString(c.seed())).toList())
                    .append("</p>\n");
            HtmlPage.entries(html, method.options());
            if (!method.trials().isEmpty()) {
                html.append(
                        "<div class=\"scroll\"><table><thead><tr><th>Learning rate"
                                + " tried</th><th>Strength</th><th>New text, validation, bits per"
                                + " byte</th><th>Old text, validation</th></tr></thead><tbody>\n");
                for (MethodTrial trial : method.trials()) {
                    Double strength = trial.strength();
                    html.append("<tr><td>")
                            .append(rate(trial.learningRate()))
                            .append(trial.chosen() ? " (chosen)" : "")
                            .append("</td><td>")
                            .append(strength == null ? "–" : rate(strength))
                            .append("</td><td>")
                            .append(bits(trial.learned()))
                            .append("</td><td>")
                            .append(bits(trial.retained()))
                            .append("</td></tr>\n");
                }
                html.append("</tbody></table></div>\n");
            }
            html.append("</details>\n");
        }
    }

    private static String bits(double bitsPerByte) {
        return Double.isFinite(bitsPerByte) ? HtmlPage.number("%.4f", bitsPerByte) : "diverged";
    }

    private static String count(long tokens) {
        return String.format(Locale.ROOT, "%,d", tokens);
    }

    private static String rate(double learningRate) {
        return escape(Double.toString(learningRate).replace("E-", "e-"));
    }

    private static String seconds(double seconds) {
        long whole = Math.round(seconds);
        return whole < 120 ? whole + " s" : "%d min %02d s".formatted(whole / 60, whole % 60);
    }
}
