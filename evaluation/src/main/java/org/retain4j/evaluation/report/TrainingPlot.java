package org.retain4j.evaluation.report;

import java.awt.BasicStroke;
import java.awt.Color;
import java.util.ArrayList;
import java.util.List;
import java.util.function.ToDoubleFunction;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYSeries;
import org.knowm.xchart.XYSeries.XYSeriesRenderStyle;
import org.knowm.xchart.style.markers.SeriesMarkers;

/** Draws how one training run went, a chart for each kind of number. */
final class TrainingPlot {
    private static final int WIDTH = 780;
    private static final int HEIGHT = 320;
    private static final int RAW_PARTS = 350;
    private static final int PARTS = 120;
    private static final int SMOOTHED_FROM = 50;
    private static final int FEW_TICKS = 10;
    private static final double LOGARITHMIC_FROM = 100;
    private static final Color RAW = new Color(0xB5CFE2);

    private TrainingPlot() {}

    /** One line of a chart. */
    private record Line(String label, StepSeries series, Kind kind) {}

    private enum Kind {
        /** From batch to batch the values scatter around what matters. */
        NOISY,
        /** A mean would show values that never were. */
        EXACT,
        /** Few values, each worth a marker. */
        MEASURED
    }

    static XYChart trainLoss(TrainingSummary run) {
        return chart("Training loss, nats a token", lines(run, TrainingPoint::loss));
    }

    static XYChart gradientNorm(TrainingSummary run) {
        return chart("Gradient norm", lines(run, TrainingPoint::gradientNorm));
    }

    static XYChart learningRate(TrainingSummary run) {
        StepSeries series = StepSeries.of(run.points(), TrainingPoint::learningRate);
        return chart("Learning rate", List.of(new Line("", series, Kind.EXACT)));
    }

    static XYChart throughput(TrainingSummary run) {
        return chart("Tokens a second", lines(run, TrainingPoint::tokensPerSecond));
    }

    /** Losses on held-out text of the task or on retention text, a line each. */
    static XYChart evaluation(TrainingSummary run, boolean ofRetention) {
        List<Line> lines = new ArrayList<>();
        for (String name : run.evaluated(ofRetention)) {
            lines.add(new Line(name, StepSeries.ofEvaluation(run.points(), name), Kind.MEASURED));
        }
        return chart((ofRetention ? "Old text" : "Held-out text") + ", nats a token", lines);
    }

    private static List<Line> lines(TrainingSummary run, ToDoubleFunction<TrainingPoint> value) {
        return List.of(new Line("", StepSeries.of(run.points(), value), Kind.NOISY));
    }

    private static XYChart chart(String title, List<Line> lines) {
        XYChart chart = SvgChart.chart(WIDTH, HEIGHT, "Optimizer steps", title);
        chart.getStyler().setDefaultSeriesRenderStyle(XYSeriesRenderStyle.Line);
        chart.getStyler().setMarkerSize(8);
        chart.getStyler().setLegendVisible(lines.size() > 1);
        chart.getStyler().setXAxisTickMarkSpacingHint(110);
        chart.getStyler().setXAxisTickLabelsFormattingFunction(SvgChart::compact);
        chart.getStyler().setYAxisTickLabelsFormattingFunction(SvgChart::compact);
        double low = lines.stream().mapToDouble(line -> line.series().min()).min().orElse(0);
        double high = lines.stream().mapToDouble(line -> line.series().max()).max().orElse(0);
        if (low > 0 && high / low >= LOGARITHMIC_FROM) {
            chart.getStyler().setYAxisLogarithmic(true);
        } else if (high - low <= 1e-6 * Math.max(Math.abs(low), Math.abs(high))) {
            // an axis of no height has no ticks
            double room = high == 0 ? 1 : 0.1 * Math.abs(high);
            chart.getStyler().setYAxisMin(low - room);
            chart.getStyler().setYAxisMax(high + room);
        }
        double last = 1;
        for (int i = 0; i < lines.size(); i++) {
            Line line = lines.get(i);
            if (!line.series().isEmpty()) {
                add(chart, line, i);
                last = Math.max(last, line.series().steps()[line.series().size() - 1]);
            }
        }
        chart.getStyler().setXAxisMin(0.0);
        chart.getStyler().setXAxisMax(last);
        return chart;
    }

    private static void add(XYChart chart, Line line, int index) {
        StepSeries series = line.series();
        boolean smooths = line.kind() == Kind.NOISY && series.size() >= SMOOTHED_FROM;
        if (smooths) {
            StepSeries raw = series.thinned(RAW_PARTS);
            SvgChart.line(
                    chart, "raw " + index, raw.steps(), raw.values(), RAW, new BasicStroke(1));
            series = series.smoothed();
        }
        StepSeries drawn = series.thinned(PARTS);
        double[] steps = drawn.steps().clone();
        if (steps.length > FEW_TICKS) {
            // evenly spaced values would each ask for a tick label of their own
            steps[steps.length - 1] -= 1e-3;
        }
        XYSeries added = chart.addSeries("line " + index, steps, drawn.values());
        added.setLabel(SvgChart.label(line.label()));
        added.setLineColor(SvgChart.color(index));
        added.setLineStyle(new BasicStroke(2));
        boolean few = series.size() <= 40;
        boolean marked = (line.kind() == Kind.MEASURED && few) || series.size() == 1;
        added.setMarker(marked ? ChartMarker.METHODS.get(index % 4) : SeriesMarkers.NONE);
        added.setMarkerColor(SvgChart.color(index));
    }
}
