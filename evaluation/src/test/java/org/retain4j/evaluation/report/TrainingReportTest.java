package org.retain4j.evaluation.report;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.StringReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.xml.sax.InputSource;

class TrainingReportTest {
    private static final String ATTACK = "\"><script>alert('x')</script>&\u0000";

    @TempDir Path folder;

    @Test
    void showsResultsChartsForgettingSamplesAndOptions() throws IOException {
        Path file = folder.resolve("report.html");
        TrainingReport.write(run(points(200, 20)), file);
        String html = Files.readString(file);
        assertThat(html)
                .contains("<title>Retain4j: A run</title>", "<li>200 steps</li>")
                .contains("step 30: the checkpoint was not written")
                .contains("Forgetting: loss on old text", "What was forgotten")
                // before, lowest, highest, after and change of the old text
                .contains("<td>old</td><td><span class=\"\">2.0000</span></td>")
                .contains("<span class=\"less\">+0.5000</span>")
                .contains("Who are you?", "I am nobody.", "I am somebody.")
                .contains("<td>learning_rate</td>", "5.0E-5", "sha256");
        assertThat(charts(html))
                .containsExactly("loss", "eval", "forgetting", "norm", "rate", "speed");
    }

    @Test
    void opensWithoutNetwork() {
        assertThat(TrainingReport.render(run(points(20, 5))))
                .doesNotContain("<script", "<link", "<img", "@import", " src=", " href=")
                .contains("default-src 'none'");
    }

    @Test
    void escapesEveryText() {
        Map<String, Double> evaluation = Map.of(ATTACK + "_loss", 1.0);
        TrainingSummary run =
                new TrainingSummary(
                        ATTACK,
                        ATTACK,
                        ATTACK,
                        List.of(ATTACK),
                        List.of(ATTACK),
                        List.of(new TrainingPoint(1, 1, 1, 1, 1, evaluation)),
                        List.of(ATTACK),
                        List.of(new SampleChange(ATTACK, ATTACK, ATTACK)),
                        Map.of(ATTACK, ATTACK),
                        Map.of(ATTACK, ATTACK));
        String html = TrainingReport.render(run);
        assertThat(html)
                .doesNotContain("<script", "\u0000")
                .contains("&quot;&gt;&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&amp;\uFFFD");
    }

    @Test
    void aRunWithoutStepsHasNoCharts() {
        TrainingSummary empty =
                new TrainingSummary(
                        "",
                        "",
                        "",
                        List.of(),
                        List.of(),
                        List.of(),
                        List.of("old"),
                        List.of(),
                        Map.of(),
                        Map.of());
        assertThat(TrainingReport.render(empty))
                .contains("No step was recorded")
                .doesNotContain("<svg", "<table", "<h2>");
    }

    /** Around the numbers at which lines are smoothed and thinned out. */
    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 49, 50, 51, 801})
    void anyNumberOfStepsIsDrawn(int steps) throws Exception {
        String html = TrainingReport.render(run(points(steps, 1)));
        for (MatchResult svg : svgs(html)) {
            parse(svg.group());
        }
        assertThat(charts(html)).hasSize(6);
    }

    @Test
    void numbersThatAreNotFiniteAreLeftOut() throws Exception {
        List<TrainingPoint> points = new ArrayList<>();
        double[] odd = {Double.NaN, Double.POSITIVE_INFINITY, -1e300, 1e300, 0, 3e38, 1e-300, -5};
        for (int i = 0; i < odd.length; i++) {
            points.add(
                    new TrainingPoint(
                            i + 1, odd[i], Double.NaN, 0, Double.NaN, Map.of("eval_loss", odd[i])));
        }
        String html = TrainingReport.render(run(points));
        for (MatchResult svg : svgs(html)) {
            parse(svg.group());
            assertThat(svg.group()).doesNotContain("NaN", "Infinity");
        }
        assertThat(charts(html)).containsExactly("loss", "eval", "rate");
    }

    @Test
    void aLongRunIsThinnedOut() {
        String html = TrainingReport.render(run(points(100_000, 5_000)));
        assertThat(html.length()).isLessThan(2_000_000);
        assertThat(charts(html)).hasSize(6);
    }

    @Test
    void thinningKeepsTheLowestAndTheHighestValue() {
        List<TrainingPoint> points = new ArrayList<>(points(10_000, 10_000));
        points.set(4321, new TrainingPoint(4322, 99, 1, 1, 1, Map.of()));
        points.set(8765, new TrainingPoint(8766, -99, 1, 1, 1, Map.of()));
        StepSeries all = StepSeries.of(points, TrainingPoint::loss);
        StepSeries thinned = all.thinned(100);
        assertThat(thinned.size()).isEqualTo(200);
        assertThat(thinned.max()).isEqualTo(99);
        assertThat(thinned.min()).isEqualTo(-99);
        assertThat(thinned.steps()).isSorted().contains(4322, 8766);
        assertThat(all.thinned(5_000)).isSameAs(all);
    }

    @Test
    void smoothingOfAConstantIsTheConstantAndOfANoisyLineLiesBetween() {
        List<TrainingPoint> points =
                IntStream.rangeClosed(1, 500)
                        .mapToObj(i -> new TrainingPoint(i, i % 2 == 0 ? 1 : 3, 7, 0, 0, Map.of()))
                        .toList();
        StepSeries constant = StepSeries.of(points, TrainingPoint::gradientNorm).smoothed();
        assertThat(Arrays.stream(constant.values())).allMatch(value -> value == 7);
        StepSeries noisy = StepSeries.of(points, TrainingPoint::loss).smoothed();
        assertThat(noisy.min()).isBetween(1.8, 2.0);
        assertThat(noisy.max()).isBetween(2.0, 2.2);
    }

    /** The loss before the first step is what an evaluation measured less how far it rose. */
    @Test
    void evaluationsStartBeforeTheFirstStep() {
        StepSeries old = StepSeries.ofEvaluation(points(100, 50), "old");
        assertThat(old.steps()).containsExactly(0, 50, 100);
        assertThat(old.values()).containsExactly(2.0, 2.25, 2.5);
        assertThat(StepSeries.ofEvaluation(points(100, 50), "absent").isEmpty()).isTrue();
        List<TrainingPoint> withoutRise =
                List.of(new TrainingPoint(3, 1, 1, 1, 1, Map.of("eval_loss", 4.0)));
        assertThat(StepSeries.ofEvaluation(withoutRise, "eval").steps()).containsExactly(3);
        assertThat(StepSeries.before(withoutRise, "eval")).isNaN();
    }

    @Test
    void isWrittenWithoutPlotsWhereTheyCannotBeDrawn() {
        String html =
                TrainingReport.render(
                        run(points(20, 5)),
                        (chart, run) -> {
                            throw new PlotUnavailableException("No <fonts> here.", new Error());
                        });
        assertThat(html)
                .containsOnlyOnce("No &lt;fonts&gt; here.")
                .contains("What was forgotten", "I am somebody.")
                .doesNotContain("<svg");
    }

    @Test
    void manyMessagesAreCounted() {
        List<String> messages = IntStream.range(0, 250).mapToObj(i -> "message " + i).toList();
        TrainingSummary run =
                new TrainingSummary(
                        "t", "v", "c", List.of(), messages, List.of(), List.of(), List.of(),
                        Map.of(), Map.of());
        assertThat(TrainingReport.render(run))
                .contains("<li>message 99</li>", "and 150 more.")
                .doesNotContain("message 100");
    }

    @Test
    void tickLabelsAreShortAtAnySize() {
        assertThat(
                        List.of(0.0, -0.0, 5e-5, 1e-3, 0.12341, 2.0, -1234.56, 1e6, 3.2e38, -1e-300)
                                .stream()
                                .map(SvgChart::compact)
                                .toList())
                .containsExactly(
                        "0", "0", "5e-5", "0.001", "0.1234", "2", "-1235", "1000000", "3.2e38",
                        "-1e-300");
    }

    private static List<String> charts(String html) {
        return Pattern.compile("url\\(#([a-z]+)-")
                .matcher(html)
                .results()
                .map(result -> result.group(1))
                .distinct()
                .toList();
    }

    private static List<MatchResult> svgs(String html) {
        return Pattern.compile("<svg .*?</svg>", Pattern.DOTALL).matcher(html).results().toList();
    }

    private static void parse(String svg) throws Exception {
        DocumentBuilderFactory factory = DocumentBuilderFactory.newInstance();
        factory.setFeature("http://apache.org/xml/features/disallow-doctype-decl", true);
        factory.newDocumentBuilder().parse(new InputSource(new StringReader(svg)));
    }

    private static TrainingSummary run(List<TrainingPoint> points) {
        return new TrainingSummary(
                "A run",
                "0.1.0",
                "2026-07-01 12:00",
                List.of(points.size() + " steps"),
                List.of("step 30: the checkpoint was not written"),
                points,
                List.of("old"),
                List.of(new SampleChange("Who are you?", "I am nobody.", "I am somebody.")),
                Map.of("learning_rate", 5e-5),
                Map.of("data", "sha256"));
    }

    private static List<TrainingPoint> points(int steps, int evalSteps) {
        Random random = new Random(1);
        List<TrainingPoint> points = new ArrayList<>();
        for (int i = 1; i <= steps; i++) {
            Map<String, Double> evaluation = new LinkedHashMap<>();
            if (i % evalSteps == 0) {
                evaluation.put("eval_loss", 4 - (double) i / steps);
                evaluation.put("eval_rise", -(double) i / steps);
                evaluation.put("old_loss", 2 + 0.5 * i / steps);
                evaluation.put("old_rise", 0.5 * i / steps);
            }
            points.add(
                    new TrainingPoint(
                            i,
                            4 - (double) i / steps + 0.1 * random.nextGaussian(),
                            i == 1 ? 500 : 1 + random.nextDouble(),
                            5e-5 * (1 - (double) i / steps),
                            100 + random.nextGaussian(),
                            evaluation));
        }
        return points;
    }
}
