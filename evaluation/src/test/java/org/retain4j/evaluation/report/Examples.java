package org.retain4j.evaluation.report;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.retain4j.evaluation.statistics.Estimate;

/** Made-up but plausible results, and a way to look at their report. */
final class Examples {
    private static final double BASE_LEARNED = 4.69;
    private static final double BASE_RETAINED = 1.27;

    private Examples() {}

    /** Writes report.html, pareto.svg, table.txt and results.json to the folder given. */
    public static void main(String[] args) throws IOException, PlotUnavailableException {
        Path folder = Files.createDirectories(Path.of(args[0]));
        ComparisonResult result = eightMethods();
        HtmlReport.write(result, folder.resolve("report.html"));
        Files.writeString(folder.resolve("pareto.svg"), ParetoPlot.svg(result));
        Files.writeString(folder.resolve("table.txt"), TextTable.render(result));
        ComparisonJson.write(result, folder.resolve("results.json"));
    }

    /** Five methods that help, two that do not clearly, and plain fine-tuning. */
    static ComparisonResult eightMethods() {
        return result(
                plain(2.87, 2.09),
                method("l2sp", "L2-SP α=0.01", 3.08, 1.67, 0.05),
                method("ewc", "EWC λ=0.3", 3.04, 1.55, 0.05),
                method("replay", "Replay 10 %", 2.88, 1.47, 0.03),
                method("self-replay", "Self-replay 10 %", 2.87, 1.62, 0.04),
                method("kl", "KL to base β=0.1", 2.89, 1.71, 0.06),
                method("wise-ft", "WiSE-FT α=0.5", 3.27, 1.46, 0.05),
                method("lora", "LoRA r=8", 2.93, 2.02, 0.09));
    }

    static ComparisonResult result(MethodResult... methods) {
        return new ComparisonResult(
                "0.1.0",
                "2026-01-01T12:00:00Z",
                "a byte-level transformer of 3.2 million parameters",
                "Grimm's Märchen, German, 280 kB",
                "Alice in Wonderland, English, 150 kB",
                around(BASE_LEARNED, 0.08),
                around(BASE_RETAINED, 0.05),
                List.of(
                        new TextSample("Es war einmal", " the Queen said, and the Hatter was"),
                        new TextSample("Alice was", " beginning to get very tired of sitting")),
                List.of(methods),
                Map.of("seeds", List.of(1, 2, 3), "steps", 200, "batchSize", 16),
                Map.of("java", "17.0.15", "cpu", "2 cores", "device", "cpu"),
                1234.5);
    }

    static MethodResult plain(double learned, double retained) {
        return of("plain", "Plain fine-tuning", learned, retained, null, null);
    }

    /** Differences are taken to a plain fine-tuning at 2.87 and 2.09, with this half-width. */
    static MethodResult method(
            String name, String title, double learned, double retained, double halfWidth) {
        return of(
                name,
                title,
                learned,
                retained,
                around(learned - 2.87, halfWidth),
                around(retained - 2.09, halfWidth));
    }

    static MethodResult of(
            String name,
            String title,
            double learned,
            double retained,
            @Nullable Estimate learnedMinusPlain,
            @Nullable Estimate retainedMinusPlain) {
        return new MethodResult(
                name,
                title,
                "Kirkpatrick et al. 2017, arXiv:1612.00796",
                Map.of("strength", 0.3, "batches", 64),
                3e-4,
                List.of(
                        new MethodTrial(1e-4, 0.3, learned + 0.2, retained - 0.1, false),
                        new MethodTrial(3e-4, 0.3, learned + 0.01, retained, true),
                        new MethodTrial(1e-2, null, Double.NaN, Double.NaN, false)),
                around(learned, 0.07),
                around(retained, 0.06),
                learnedMinusPlain,
                retainedMinusPlain,
                List.of(curve(1, learned, retained), curve(2, learned + 0.02, retained - 0.02)),
                819_200,
                name.contains("replay") ? 81_920 : 0,
                name.equals("ewc") ? 65_536 : 0,
                4_200_000,
                41.7,
                List.of(
                        new TextSample(
                                "Es war einmal", " ein König, der hatte eine Tochter, " + title),
                        new TextSample("Alice was", " in dem Walde und die Königin sprach")));
    }

    static Estimate around(double value, double halfWidth) {
        return new Estimate(value, value - halfWidth, value + halfWidth);
    }

    private static Curve curve(long seed, double learned, double retained) {
        List<Integer> steps = new ArrayList<>();
        List<Double> learnedValues = new ArrayList<>();
        List<Double> retainedValues = new ArrayList<>();
        List<Double> losses = new ArrayList<>();
        for (int step = 0; step <= 200; step += 25) {
            double left = Math.exp(-step / 50.0);
            steps.add(step);
            learnedValues.add(learned + (BASE_LEARNED - learned) * left);
            retainedValues.add(retained + (BASE_RETAINED - retained) * left);
            losses.add(step == 0 ? Double.NaN : 2 + left);
        }
        return new Curve(seed, steps, learnedValues, retainedValues, losses);
    }
}
