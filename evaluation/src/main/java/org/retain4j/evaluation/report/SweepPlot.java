package org.retain4j.evaluation.report;

import java.awt.BasicStroke;
import java.awt.Color;
import java.util.ArrayList;
import java.util.List;
import org.knowm.xchart.AnnotationText;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYSeries;
import org.knowm.xchart.XYSeries.XYSeriesRenderStyle;
import org.knowm.xchart.style.markers.Marker;
import org.knowm.xchart.style.markers.SeriesMarkers;

/**
 * Draws curves of learning against forgetting: a line a method, a point a value of a setting that
 * was varied, such as the learning rate.
 *
 * <p>Axes of scores of which less is better run backwards, so that up and to the right is better.
 *
 * @param learned the horizontal axis
 * @param retained the vertical axis
 * @param base the model before training
 * @param lines the curves, drawn in this order
 */
public record SweepPlot(Axis learned, Axis retained, Point base, List<Line> lines) {

    private static final int WIDTH = 780;
    private static final int HEIGHT = 520;

    /**
     * What an axis shows.
     *
     * @param title name of the score
     * @param higherIsBetter whether more is better
     */
    public record Axis(String title, boolean higherIsBetter) {
        private double place(double value) {
            return higherIsBetter ? value : -value;
        }

        private String title(String better) {
            return title + " (better: " + better + " →)";
        }
    }

    /**
     * One model.
     *
     * @param label value of the setting; shown at the ends of a line
     * @param learned score on what was learned, finite
     * @param retained score on what was to be kept, finite
     */
    public record Point(String label, double learned, double retained) {}

    /**
     * A curve.
     *
     * @param title name in the legend
     * @param points one or more, in the order of the setting
     */
    public record Line(String title, List<Point> points) {

        /** Creates a line; points that are not finite, as after a divergence, are left out. */
        public Line {
            points =
                    points.stream()
                            .filter(p -> Double.isFinite(p.learned() + p.retained()))
                            .toList();
        }
    }

    /** Creates a plot. */
    public SweepPlot {
        lines = List.copyOf(lines);
    }

    /**
     * Draws the plot as an {@code svg} element that can stand in a page or alone in a file.
     *
     * @throws PlotUnavailableException if this Java runtime cannot draw text, as without fonts
     */
    public String svg() throws PlotUnavailableException {
        return SvgChart.svg(
                this::chart,
                "Line chart of what models learned against what they kept, one line a method, one"
                        + " point a value of a setting.",
                "sweep");
    }

    XYChart chart() {
        XYChart chart =
                SvgChart.chart(
                        WIDTH, HEIGHT, learned.title("learned more"), retained.title("kept more"));
        chart.getStyler().setDefaultSeriesRenderStyle(XYSeriesRenderStyle.Line);
        chart.getStyler().setMarkerSize(9);
        chart.getStyler()
                .setXAxisTickLabelsFormattingFunction(x -> SvgChart.tick(learned.place(x), 1));
        chart.getStyler()
                .setYAxisTickLabelsFormattingFunction(y -> SvgChart.tick(retained.place(y), 1));
        List<Point> all = new ArrayList<>(List.of(base));
        lines.forEach(line -> all.addAll(line.points()));
        double[] x = all.stream().mapToDouble(p -> learned.place(p.learned())).sorted().toArray();
        double[] y = all.stream().mapToDouble(p -> retained.place(p.retained())).sorted().toArray();
        double xSpan = Math.max(x[x.length - 1] - x[0], 1e-6);
        double ySpan = Math.max(y[y.length - 1] - y[0], 1e-6);
        chart.getStyler()
                .setXAxisMin(x[0] - 0.06 * xSpan)
                .setXAxisMax(x[x.length - 1] + 0.08 * xSpan);
        chart.getStyler()
                .setYAxisMin(y[0] - 0.08 * ySpan)
                .setYAxisMax(y[y.length - 1] + 0.08 * ySpan);
        double level = retained.place(base.retained());
        SvgChart.line(
                chart,
                "nothing forgotten",
                new double[] {x[0] - 0.06 * xSpan, x[x.length - 1] + 0.08 * xSpan},
                new double[] {level, level},
                SvgChart.REFERENCE,
                SvgChart.dashed());
        series(
                chart,
                "base",
                new Line("Base model", List.of(base)),
                SvgChart.REFERENCE,
                SeriesMarkers.CROSS);
        for (int i = 0; i < lines.size(); i++) {
            Line line = lines.get(i);
            if (line.points().isEmpty()) {
                continue;
            }
            Color color = i == 0 ? Color.BLACK : SvgChart.color(i - 1);
            Marker marker =
                    i == 0
                            ? SeriesMarkers.CIRCLE
                            : ChartMarker.METHODS.get((i - 1) % ChartMarker.METHODS.size());
            series(chart, "line " + i, line, color, marker);
            Point last = line.points().get(line.points().size() - 1);
            annotate(chart, last, -0.045 * ySpan);
            if (line.points().size() > 1) {
                annotate(chart, line.points().get(0), 0.045 * ySpan);
            }
        }
        return chart;
    }

    private void annotate(XYChart chart, Point point, double above) {
        if (point.label().isBlank()) {
            return;
        }
        chart.addAnnotation(
                new AnnotationText(
                        SvgChart.label(point.label()),
                        learned.place(point.learned()),
                        retained.place(point.retained()) + above,
                        false));
    }

    private void series(XYChart chart, String id, Line line, Color color, Marker marker) {
        XYSeries series =
                chart.addSeries(
                        id,
                        line.points().stream()
                                .mapToDouble(p -> learned.place(p.learned()))
                                .toArray(),
                        line.points().stream()
                                .mapToDouble(p -> retained.place(p.retained()))
                                .toArray());
        series.setLabel(SvgChart.label(line.title()));
        series.setLineColor(color);
        series.setLineStyle(new BasicStroke(2));
        series.setMarker(marker);
        series.setMarkerColor(color);
    }
}
