package org.retain4j.evaluation.report;

import java.awt.BasicStroke;
import java.awt.Color;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYSeries;
import org.knowm.xchart.XYSeries.XYSeriesRenderStyle;
import org.knowm.xchart.style.markers.SeriesMarkers;
import org.retain4j.evaluation.statistics.Estimate;

/**
 * Draws what was learned against what was kept on tasks, one point a method, up and to the right
 * being better. Stateless and thread-safe.
 */
final class EvaluationPlot {

    private static final int WIDTH = 780;
    private static final int HEIGHT = 520;

    private EvaluationPlot() {}

    private record Point(String title, Estimate learned, Estimate retained) {}

    static String svg(EvaluationSummary summary, EvaluationStatistics statistics)
            throws PlotUnavailableException {
        List<Point> points = new ArrayList<>();
        for (EvaluatedMethod method : statistics.plotted()) {
            points.add(
                    new Point(
                            method.title(),
                            statistics.axis(method, summary.learned()),
                            statistics.axis(method, summary.retained())));
        }
        return SvgChart.svg(
                () -> chart(summary, statistics, points),
                "Scatter plot of the methods: scores of the learned tasks against scores of the"
                        + " tasks that were to be kept. The tables have the numbers.",
                "tasks");
    }

    private static XYChart chart(
            EvaluationSummary summary, EvaluationStatistics statistics, List<Point> points) {
        XYChart chart =
                SvgChart.chart(
                        WIDTH,
                        HEIGHT,
                        axis(statistics.keysOf(summary.learned()), "learned more"),
                        axis(statistics.keysOf(summary.retained()), "kept more"));
        chart.getStyler().setDefaultSeriesRenderStyle(XYSeriesRenderStyle.Scatter);
        boolean mirrorsX = isMirrored(statistics, summary.learned());
        boolean mirrorsY = isMirrored(statistics, summary.retained());
        chart.getStyler()
                .setXAxisTickLabelsFormattingFunction(x -> SvgChart.tick(mirrorsX ? -x : x, 2));
        chart.getStyler()
                .setYAxisTickLabelsFormattingFunction(y -> SvgChart.tick(mirrorsY ? -y : y, 2));
        double[] x = range(points.stream().map(Point::learned).toList());
        double[] y = range(points.stream().map(Point::retained).toList());
        chart.getStyler().setXAxisMin(x[0]).setXAxisMax(x[1]);
        chart.getStyler().setYAxisMin(y[0]).setYAxisMax(y[1]);
        String reference = summary.methods().get(0).title();
        for (int i = 0; i < points.size(); i++) {
            Point point = points.get(i);
            if (point.title().equals(reference)) {
                SvgChart.line(
                        chart,
                        "reference",
                        x,
                        new double[] {point.retained().value(), point.retained().value()},
                        SvgChart.REFERENCE,
                        SvgChart.dashed());
            }
            whiskers(chart, i, point, color(points, i, reference));
        }
        for (int i = 0; i < points.size(); i++) {
            Point point = points.get(i);
            XYSeries series =
                    chart.addSeries(
                            "method " + i,
                            new double[] {point.learned().value()},
                            new double[] {point.retained().value()});
            series.setLabel(SvgChart.label(point.title()));
            series.setMarker(
                    point.title().equals(reference)
                            ? SeriesMarkers.CROSS
                            : ChartMarker.METHODS.get(i % ChartMarker.METHODS.size()));
            series.setMarkerColor(color(points, i, reference));
        }
        return chart;
    }

    private static Color color(List<Point> points, int point, String reference) {
        return points.get(point).title().equals(reference)
                ? SvgChart.REFERENCE
                : SvgChart.color(point);
    }

    private static void whiskers(XYChart chart, int number, Point point, Color color) {
        Estimate learned = point.learned();
        Estimate retained = point.retained();
        BasicStroke stroke = new BasicStroke(1.6f);
        SvgChart.line(
                chart,
                "learned " + number,
                new double[] {learned.low(), learned.high()},
                new double[] {retained.value(), retained.value()},
                color,
                stroke);
        SvgChart.line(
                chart,
                "retained " + number,
                new double[] {learned.value(), learned.value()},
                new double[] {retained.low(), retained.high()},
                color,
                stroke);
    }

    private static String axis(List<String> keys, String better) {
        String of = keys.size() == 1 ? keys.get(0) : "mean of " + String.join(", ", keys);
        String shown = of.length() <= 48 ? of : "mean of " + keys.size() + " scores";
        return shown.replaceAll("\\p{Cc}+", " ") + " (better: " + better + " →)";
    }

    private static boolean isMirrored(EvaluationStatistics statistics, List<String> tasks) {
        return statistics.keysOf(tasks).stream().allMatch(key -> statistics.sign(key) < 0);
    }

    private static double[] range(List<Estimate> estimates) {
        double low =
                estimates.stream()
                        .flatMap(e -> Stream.of(e.low(), e.value()))
                        .mapToDouble(Double::doubleValue)
                        .min()
                        .orElseThrow();
        double high =
                estimates.stream()
                        .flatMap(e -> Stream.of(e.high(), e.value()))
                        .mapToDouble(Double::doubleValue)
                        .max()
                        .orElseThrow();
        double margin = 0.06 * Math.max(high - low, 0.01);
        return new double[] {low - margin, high + margin};
    }
}
