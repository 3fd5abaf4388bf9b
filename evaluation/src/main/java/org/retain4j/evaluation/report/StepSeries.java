package org.retain4j.evaluation.report;

import java.util.Arrays;
import java.util.List;
import java.util.function.ToDoubleFunction;

/** Values over steps that can be drawn: finite, ascending, and as many as a picture can show. */
final class StepSeries {
    private final double[] steps;
    private final double[] values;

    private StepSeries(double[] steps, double[] values) {
        this.steps = steps;
        this.values = values;
    }

    /** Takes what is finite, also as a float, which leaves room for the axes around it. */
    static StepSeries of(List<TrainingPoint> points, ToDoubleFunction<TrainingPoint> value) {
        double[][] drawn =
                points.stream()
                        .map(point -> new double[] {point.step(), value.applyAsDouble(point)})
                        .filter(point -> Math.abs(point[1]) <= Float.MAX_VALUE)
                        .toArray(double[][]::new);
        return new StepSeries(
                Arrays.stream(drawn).mapToDouble(point -> point[0]).toArray(),
                Arrays.stream(drawn).mapToDouble(point -> point[1]).toArray());
    }

    /** A result of evaluations, led by its value before the first step where its rise tells it. */
    static StepSeries ofEvaluation(List<TrainingPoint> points, String name) {
        StepSeries measured = of(points, point -> result(point, name + "_loss"));
        double before = before(points, name);
        if (measured.isEmpty() || Double.isNaN(before)) {
            return measured;
        }
        double[] steps = new double[measured.size() + 1];
        double[] values = new double[measured.size() + 1];
        System.arraycopy(measured.steps, 0, steps, 1, measured.size());
        System.arraycopy(measured.values, 0, values, 1, measured.size());
        values[0] = before;
        return new StepSeries(steps, values);
    }

    /** The loss before the first step; NaN if no evaluation tells it. */
    static double before(List<TrainingPoint> points, String name) {
        return points.stream()
                .mapToDouble(point -> result(point, name + "_loss") - result(point, name + "_rise"))
                .filter(Double::isFinite)
                .findFirst()
                .orElse(Double.NaN);
    }

    private static double result(TrainingPoint point, String name) {
        return point.evaluation().getOrDefault(name, Double.NaN);
    }

    boolean isEmpty() {
        return steps.length == 0;
    }

    int size() {
        return steps.length;
    }

    double[] steps() {
        return steps;
    }

    double[] values() {
        return values;
    }

    double min() {
        return Arrays.stream(values).min().orElse(Double.NaN);
    }

    double max() {
        return Arrays.stream(values).max().orElse(Double.NaN);
    }

    double last() {
        return isEmpty() ? Double.NaN : values[values.length - 1];
    }

    /**
     * The same picture with fewer points: of each part the lowest and the highest one.
     *
     * @param parts as many as the eye can tell apart
     */
    StepSeries thinned(int parts) {
        int n = size();
        if (n <= 2 * parts) {
            return this;
        }
        double[] x = new double[2 * parts];
        double[] y = new double[2 * parts];
        for (int part = 0; part < parts; part++) {
            int low = (int) ((long) n * part / parts);
            int high = low;
            for (int i = low; i < (long) n * (part + 1) / parts; i++) {
                low = values[i] < values[low] ? i : low;
                high = values[i] > values[high] ? i : high;
            }
            int at = 2 * part;
            x[at] = steps[Math.min(low, high)];
            y[at] = values[Math.min(low, high)];
            x[at + 1] = steps[Math.max(low, high)];
            y[at + 1] = values[Math.max(low, high)];
        }
        return new StepSeries(x, y);
    }

    /** Means over a window around each point, a twenty-fifth of the run wide, less at its ends. */
    StepSeries smoothed() {
        int n = size();
        int reach = Math.max(1, n / 50);
        double[] sums = new double[n + 1];
        for (int i = 0; i < n; i++) {
            sums[i + 1] = sums[i] + values[i];
        }
        double[] means = new double[n];
        for (int i = 0; i < n; i++) {
            int from = Math.max(0, i - reach);
            int to = Math.min(n, i + reach + 1);
            means[i] = (sums[to] - sums[from]) / (to - from);
        }
        return new StepSeries(steps, means);
    }
}
