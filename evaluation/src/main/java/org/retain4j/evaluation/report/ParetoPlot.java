package org.retain4j.evaluation.report;

import java.awt.BasicStroke;
import java.awt.Color;
import java.util.List;
import java.util.Locale;
import org.knowm.xchart.AnnotationText;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYSeries;
import org.knowm.xchart.XYSeries.XYSeriesRenderStyle;
import org.knowm.xchart.style.markers.Marker;
import org.knowm.xchart.style.markers.SeriesMarkers;
import org.retain4j.evaluation.statistics.Estimate;

/**
 * Draws learning against forgetting, one point a method with its 95 % intervals.
 *
 * <p>Both axes show bits per byte and both run backwards, so that up and to the right is better.
 * The base model learns so much less than any fine-tuned one that showing it to scale would squeeze
 * the methods together; then it stands as an arrow at the edge, with its value beside it. Stateless
 * and thread-safe.
 */
public final class ParetoPlot {
    private static final int WIDTH = 780;
    private static final int HEIGHT = 520;

    /** The base model is drawn to scale while it widens the horizontal axis no more than this. */
    private static final double WIDEST = 1.6;

    private ParetoPlot() {}

    /**
     * Draws the plot as an {@code svg} element that can stand in a page or alone in a file.
     *
     * @throws PlotUnavailableException if this Java runtime cannot draw text, as without fonts
     */
    public static String svg(ComparisonResult result) throws PlotUnavailableException {
        return SvgChart.svg(
                () -> chart(result),
                "Scatter plot of the methods: bits per byte on the new text against bits per byte"
                        + " on the old text. The table has the numbers.",
                "pareto");
    }

    private static XYChart chart(ComparisonResult result) {
        XYChart chart =
                SvgChart.chart(
                        WIDTH,
                        HEIGHT,
                        "New text, bits per byte (better: learned more →)",
                        "Old text, bits per byte (better: kept more →)");
        chart.getStyler().setDefaultSeriesRenderStyle(XYSeriesRenderStyle.Scatter);
        chart.getStyler().setXAxisTickLabelsFormattingFunction(x -> SvgChart.tick(-x, 1));
        chart.getStyler().setYAxisTickLabelsFormattingFunction(y -> SvgChart.tick(-y, 1));

        List<MethodResult> methods = result.methods();
        double bestX = -result.baseLearned().high();
        double worstX = -result.baseLearned().low();
        double top = -Math.min(result.baseRetained().low(), result.baseRetained().value());
        double bottom = -Math.max(result.baseRetained().high(), result.baseRetained().value());
        if (!methods.isEmpty()) {
            bestX = methods.stream().mapToDouble(m -> -lowest(m.learned())).max().orElseThrow();
            worstX = methods.stream().mapToDouble(m -> -highest(m.learned())).min().orElseThrow();
        }
        for (MethodResult method : methods) {
            top = Math.max(top, -lowest(method.retained()));
            bottom = Math.min(bottom, -highest(method.retained()));
        }
        double xSpan = Math.max(bestX - worstX, 0.01);
        double withBase =
                Math.max(bestX, -lowest(result.baseLearned()))
                        - Math.min(worstX, -highest(result.baseLearned()));
        boolean toScale = withBase <= WIDEST * xSpan;
        if (toScale) {
            worstX = Math.min(worstX, -highest(result.baseLearned()));
            bestX = Math.max(bestX, -lowest(result.baseLearned()));
            xSpan = Math.max(bestX - worstX, 0.01);
        } else {
            worstX -= 0.12 * xSpan;
        }
        double left = worstX - 0.05 * xSpan;
        double right = bestX + 0.05 * xSpan;
        double yMargin = 0.06 * Math.max(top - bottom, 0.01);
        chart.getStyler().setXAxisMin(left).setXAxisMax(right);
        chart.getStyler().setYAxisMin(bottom - yMargin).setYAxisMax(top + yMargin);

        base(chart, result, left, right, toScale);
        // Whiskers first, so that no marker is crossed out by another method's interval.
        for (int i = 0; i < methods.size(); i++) {
            whiskers(
                    chart,
                    "whiskers " + i,
                    methods.get(i).learned(),
                    methods.get(i).retained(),
                    SvgChart.color(result, i));
        }
        for (int i = 0; i < methods.size(); i++) {
            MethodResult method = methods.get(i);
            point(
                    chart,
                    "method " + i,
                    method.title(),
                    -method.learned().value(),
                    -method.retained().value(),
                    SvgChart.marker(result, i),
                    SvgChart.color(result, i));
        }
        return chart;
    }

    private static void base(
            XYChart chart, ComparisonResult result, double left, double right, boolean toScale) {
        double y = -result.baseRetained().value();
        SvgChart.line(
                chart,
                "nothing forgotten",
                new double[] {left, right},
                new double[] {y, y},
                SvgChart.REFERENCE,
                SvgChart.dashed());
        if (toScale) {
            whiskers(
                    chart,
                    "base whiskers",
                    result.baseLearned(),
                    result.baseRetained(),
                    SvgChart.REFERENCE);
            point(
                    chart,
                    "base",
                    "Base model",
                    -result.baseLearned().value(),
                    y,
                    SeriesMarkers.CROSS,
                    SvgChart.REFERENCE);
            return;
        }
        double edge = left + 0.025 * (right - left);
        whiskersVertical(chart, "base whiskers", edge, result.baseRetained(), SvgChart.REFERENCE);
        point(chart, "base", "Base model", edge, y, ChartMarker.OFF_SCALE, SvgChart.REFERENCE);
        chart.addAnnotation(
                new AnnotationText(
                        String.format(
                                Locale.ROOT,
                                "base at %.2f, off the scale",
                                result.baseLearned().value()),
                        left + 0.235 * (right - left),
                        y
                                - 0.045
                                        * (chart.getStyler().getYAxisMax()
                                                - chart.getStyler().getYAxisMin()),
                        false));
    }

    private static void point(
            XYChart chart,
            String id,
            String title,
            double x,
            double y,
            Marker marker,
            Color color) {
        XYSeries series = chart.addSeries(id, new double[] {x}, new double[] {y});
        series.setLabel(SvgChart.label(title));
        series.setMarker(marker);
        series.setMarkerColor(color);
    }

    private static void whiskers(
            XYChart chart, String id, Estimate learned, Estimate retained, Color color) {
        double y = -retained.value();
        SvgChart.line(
                chart,
                id + " horizontal",
                new double[] {-learned.high(), -learned.low()},
                new double[] {y, y},
                color,
                new BasicStroke(1.6f));
        whiskersVertical(chart, id, -learned.value(), retained, color);
    }

    private static void whiskersVertical(
            XYChart chart, String id, double x, Estimate retained, Color color) {
        SvgChart.line(
                chart,
                id + " vertical",
                new double[] {x, x},
                new double[] {-retained.high(), -retained.low()},
                color,
                new BasicStroke(1.6f));
    }

    private static double lowest(Estimate estimate) {
        return Math.min(estimate.low(), estimate.value());
    }

    private static double highest(Estimate estimate) {
        return Math.max(estimate.high(), estimate.value());
    }
}
