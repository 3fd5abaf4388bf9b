package org.retain4j.evaluation.report;

import static org.retain4j.evaluation.report.Html.escape;

import java.awt.BasicStroke;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYSeries;
import org.knowm.xchart.XYSeries.XYSeriesRenderStyle;
import org.knowm.xchart.style.markers.SeriesMarkers;
import org.retain4j.core.io.AtomicFile;

/**
 * Writes what became of a sequence of tasks as one HTML page that opens without a network: the
 * score of every task after each task, as a chart and as a table, and the numbers that sum it up.
 *
 * <p>All text is escaped. Stateless and thread-safe.
 */
public final class SequenceReport {

    private static final int WIDTH = 780;
    private static final int HEIGHT = 360;

    private SequenceReport() {}

    /**
     * What is shown.
     *
     * @param title what the sequence is called
     * @param version version of the library
     * @param createdAt when the page is made
     * @param tasks names of the tasks in their order, none twice
     * @param base score of each task before the first
     * @param scores {@code scores[stage][task]}, more is better
     * @param metrics numbers that sum it up, by name
     * @param messages what else is to be said
     */
    public record Content(
            String title,
            String version,
            String createdAt,
            List<String> tasks,
            List<Double> base,
            double[][] scores,
            Map<String, Object> metrics,
            List<String> messages) {}

    /** Writes the page, replacing the file at once or not at all. */
    public static void write(Content content, Path file) throws IOException {
        AtomicFile.write(file, render(content));
    }

    /** Returns the page. */
    public static String render(Content content) {
        StringBuilder html =
                HtmlPage.begin(content.title(), content.version(), content.createdAt());
        html.append("<h1>").append(escape(content.title())).append("</h1>\n</header>\n<main>\n");
        html.append("<h2>Score of every task after each task</h2>\n");
        HtmlPage.plot(
                html,
                () ->
                        SvgChart.svg(
                                () -> chart(content),
                                "Line chart over the tasks of the sequence: score of every task.",
                                "sequence"));
        html.append(
                "<p class=\"soft\">A line a task, from the base model at 0; the marker is where the"
                        + " task was learned. More is better; bits per byte are negative.</p>\n");
        table(html, content);
        html.append("<h2>In numbers</h2>\n");
        HtmlPage.entries(html, content.metrics());
        if (!content.messages().isEmpty()) {
            html.append("<h2>Notes</h2>\n<ul>\n");
            content.messages()
                    .forEach(line -> html.append("<li>").append(escape(line)).append("</li>\n"));
            html.append("</ul>\n");
        }
        return html.append("</main>\n</body>\n</html>\n").toString();
    }

    private static void table(StringBuilder html, Content content) {
        html.append("<div class=\"scroll\"><table><thead><tr><th>after</th>");
        content.tasks().forEach(name -> html.append("<th>").append(escape(name)).append("</th>"));
        html.append("</tr></thead><tbody>\n");
        for (int stage = -1; stage < content.tasks().size(); stage++) {
            String name = stage < 0 ? "base model" : content.tasks().get(stage);
            html.append("<tr><td>").append(escape(name)).append("</td>");
            for (int task = 0; task < content.tasks().size(); task++) {
                boolean learned = stage == task;
                html.append(learned ? "<td><b>" : "<td>")
                        .append(HtmlPage.number("%.4f", score(content, stage, task)))
                        .append(learned ? "</b></td>" : "</td>");
            }
            html.append("</tr>\n");
        }
        html.append("</tbody></table></div>\n");
    }

    private static double score(Content content, int stage, int task) {
        return stage < 0 ? content.base().get(task) : content.scores()[stage][task];
    }

    private static XYChart chart(Content content) {
        XYChart chart = SvgChart.chart(WIDTH, HEIGHT, "Tasks learned", "Score");
        chart.getStyler().setDefaultSeriesRenderStyle(XYSeriesRenderStyle.Line);
        chart.getStyler().setLegendVisible(content.tasks().size() > 1);
        chart.getStyler().setYAxisTickLabelsFormattingFunction(SvgChart::compact);
        chart.getStyler().setXAxisDecimalPattern("0");
        int stages = content.tasks().size();
        double low = Double.POSITIVE_INFINITY;
        double high = Double.NEGATIVE_INFINITY;
        for (int task = 0; task < stages; task++) {
            double[] x = new double[stages + 1];
            double[] y = new double[stages + 1];
            for (int stage = -1; stage < stages; stage++) {
                x[stage + 1] = stage + 1;
                y[stage + 1] = score(content, stage, task);
                low = Math.min(low, y[stage + 1]);
                high = Math.max(high, y[stage + 1]);
            }
            XYSeries line = chart.addSeries("line " + task, x, y);
            line.setLabel(SvgChart.label(content.tasks().get(task)));
            line.setLineColor(SvgChart.color(task));
            line.setLineStyle(new BasicStroke(2));
            line.setMarker(SeriesMarkers.NONE);
            XYSeries learned =
                    chart.addSeries(
                            "learned " + task,
                            new double[] {x[task + 1]},
                            new double[] {y[task + 1]});
            learned.setShowInLegend(false);
            learned.setMarker(ChartMarker.METHODS.get(task % ChartMarker.METHODS.size()));
            learned.setMarkerColor(SvgChart.color(task));
            learned.setLineColor(SvgChart.color(task));
        }
        if (high - low <= 1e-6 * Math.max(Math.abs(low), Math.abs(high))) {
            double room = high == 0 ? 1 : 0.1 * Math.abs(high);
            chart.getStyler().setYAxisMin(low - room);
            chart.getStyler().setYAxisMax(high + room);
        }
        chart.getStyler().setXAxisMin(0.0);
        chart.getStyler().setXAxisMax((double) stages);
        chart.getStyler().setXAxisMaxLabelCount(stages + 1);
        return chart;
    }
}
