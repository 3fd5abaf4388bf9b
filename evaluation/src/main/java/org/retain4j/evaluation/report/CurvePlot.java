package org.retain4j.evaluation.report;

import java.awt.BasicStroke;
import java.awt.Color;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Function;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYSeries;
import org.knowm.xchart.XYSeries.XYSeriesRenderStyle;
import org.knowm.xchart.style.markers.SeriesMarkers;
import org.retain4j.evaluation.statistics.Estimate;

/**
 * Draws how learning and forgetting went during training, one line a method, the mean over its
 * seeds.
 *
 * <p>Points that are not finite, as after a divergence, are left out. Stateless and thread-safe.
 */
public final class CurvePlot {
    private static final int WIDTH = 780;
    private static final int HEIGHT = 380;

    private CurvePlot() {}

    /**
     * Draws bits per byte on the new text over the steps as an {@code svg} element.
     *
     * @throws PlotUnavailableException if this Java runtime cannot draw text, as without fonts
     */
    public static String learned(ComparisonResult result) throws PlotUnavailableException {
        return SvgChart.svg(
                () -> chart(result, "New text", result.baseLearned(), Curve::learnedBitsPerByte),
                "Line chart of bits per byte on the new text over the training steps, one line a"
                        + " method.",
                "learned");
    }

    /**
     * Draws bits per byte on the old text over the steps as an {@code svg} element.
     *
     * @throws PlotUnavailableException if this Java runtime cannot draw text, as without fonts
     */
    public static String retained(ComparisonResult result) throws PlotUnavailableException {
        return SvgChart.svg(
                () -> chart(result, "Old text", result.baseRetained(), Curve::retainedBitsPerByte),
                "Line chart of bits per byte on the old text over the training steps, one line a"
                        + " method.",
                "retained");
    }

    private static XYChart chart(
            ComparisonResult result,
            String text,
            Estimate base,
            Function<Curve, List<Double>> values) {
        XYChart chart = SvgChart.chart(WIDTH, HEIGHT, "Optimizer steps", text + ", bits per byte");
        chart.getStyler().setDefaultSeriesRenderStyle(XYSeriesRenderStyle.Line);
        chart.getStyler().setMarkerSize(8);
        chart.getStyler().setXAxisTickLabelsFormattingFunction(x -> SvgChart.tick(x, 0));
        chart.getStyler().setYAxisTickLabelsFormattingFunction(y -> SvgChart.tick(y, 1));
        int lastStep =
                result.methods().stream()
                        .flatMap(method -> method.curves().stream())
                        .flatMap(curve -> curve.steps().stream())
                        .mapToInt(Integer::intValue)
                        .max()
                        .orElse(1);
        XYSeries reference =
                chart.addSeries(
                        "base",
                        new double[] {0, Math.max(lastStep, 1)},
                        new double[] {base.value(), base.value()});
        reference.setLabel("Base model");
        style(reference, SvgChart.REFERENCE, SvgChart.dashed());
        reference.setMarker(SeriesMarkers.NONE);
        for (int i = 0; i < result.methods().size(); i++) {
            MethodResult method = result.methods().get(i);
            Map<Integer, Double> mean = mean(method.curves(), values);
            if (mean.isEmpty()) {
                continue;
            }
            XYSeries series =
                    chart.addSeries(
                            "method " + i,
                            new ArrayList<>(mean.keySet()),
                            new ArrayList<>(mean.values()));
            series.setLabel(SvgChart.label(method.title()));
            style(series, SvgChart.color(result, i), new BasicStroke(2));
            series.setMarker(SvgChart.marker(result, i));
            series.setMarkerColor(SvgChart.color(result, i));
        }
        return chart;
    }

    private static void style(XYSeries series, Color color, BasicStroke stroke) {
        series.setLineColor(color);
        series.setLineStyle(stroke);
    }

    /** The mean at each step that every seed with curves has a finite value for. */
    static Map<Integer, Double> mean(List<Curve> curves, Function<Curve, List<Double>> values) {
        Map<Integer, List<Double>> byStep = new TreeMap<>();
        for (Curve curve : curves) {
            List<Double> points = values.apply(curve);
            for (int i = 0; i < points.size(); i++) {
                if (Double.isFinite(points.get(i))) {
                    byStep.computeIfAbsent(curve.steps().get(i), step -> new ArrayList<>())
                            .add(points.get(i));
                }
            }
        }
        // Averaging over the seeds that are left would make the line jump where one ends.
        byStep.values().removeIf(points -> points.size() < curves.size());
        Map<Integer, Double> mean = new TreeMap<>();
        byStep.forEach(
                (step, points) ->
                        mean.put(
                                step,
                                points.stream().mapToDouble(Double::doubleValue).sum()
                                        / points.size()));
        return mean;
    }
}
