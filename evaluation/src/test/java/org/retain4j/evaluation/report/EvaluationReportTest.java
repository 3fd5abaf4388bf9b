package org.retain4j.evaluation.report;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.retain4j.evaluation.contamination.ContaminatedItem;
import org.retain4j.evaluation.contamination.TaskContamination;
import org.retain4j.evaluation.report.EvaluationStatistics.Change;
import org.retain4j.evaluation.report.EvaluationStatistics.Dominated;
import org.retain4j.evaluation.statistics.Estimate;

class EvaluationReportTest {

    private static final String ATTACK = "\"><script>alert('x')</script>&\u0000";

    @TempDir Path folder;

    /** A task whose first {@code right} of {@code items} answers are right. */
    private static TaskScores rate(String task, int right, int items) {
        List<ItemScore> scores = new ArrayList<>();
        for (int i = 0; i < items; i++) {
            scores.add(ItemScore.of("i" + i, i < right ? 1 : 0));
        }
        return new TaskScores(task, "acc", true, scores);
    }

    /** Bits a byte around a value, the same noise for the same seed. */
    private static TaskScores bits(String task, double value, long seed) {
        Random random = new Random(17);
        Random noise = new Random(seed);
        List<ItemScore> scores = new ArrayList<>();
        for (int i = 0; i < 40; i++) {
            double item = value + random.nextGaussian() * 0.3 + noise.nextGaussian() * 0.02;
            scores.add(new ItemScore("d" + i, item, 100 + i));
        }
        return new TaskScores(task, "bits_per_byte", false, scores);
    }

    private static EvaluatedMethod one(String title, TaskScores... scores) {
        return new EvaluatedMethod(
                title,
                List.of(new EvaluatedRun(0, List.of(scores), RunCost.ofEvaluation(12, 2_500_000L))),
                Map.of("model", title));
    }

    private static EvaluatedMethod seeds(String title, double learned, double kept) {
        List<EvaluatedRun> runs = new ArrayList<>();
        for (long seed = 1; seed <= 3; seed++) {
            runs.add(
                    new EvaluatedRun(
                            seed,
                            List.of(bits("new", learned, seed), bits("old", kept, 10 + seed)),
                            new RunCost(90, 51_200, 6_400, 3_000_000_000L, 4)));
        }
        return new EvaluatedMethod(title, runs, Map.of("lambda", 0.3));
    }

    static EvaluationSummary pair() {
        return new EvaluationSummary(
                "SmolLM2 before and after",
                "0.1.0",
                "2026-11-28T12:00:00Z",
                List.of(
                        one("before", rate("arc_easy", 60, 100), rate("piqa", 50, 100)),
                        one("after", rate("arc_easy", 30, 100), rate("piqa", 52, 100))),
                List.of(),
                List.of(),
                List.of(
                        new AnswerChange(
                                "after",
                                "arc_easy",
                                "i31",
                                "Why is it so?",
                                "heat",
                                "heat",
                                "cold")),
                List.of(
                        new TaskContamination(
                                "arc_easy",
                                100,
                                3,
                                List.of(new ContaminatedItem("i7", 3, 4, "train.jsonl, text 9")))),
                1234,
                List.of("piqa: 2 items skipped"),
                Map.of("limit", 100),
                Map.of("cpu", "2 cores"));
    }

    static EvaluationSummary many() {
        return new EvaluationSummary(
                "Comparison",
                "0.1.0",
                "2026-11-28T12:00:00Z",
                List.of(
                        one("base model", bits("new", 4, 99), bits("old", 1.2, 98)),
                        seeds("plain fine-tuning", 2.7, 2.3),
                        seeds("EWC λ=0.3", 2.8, 1.4),
                        seeds("replay", 2.5, 1.8)),
                List.of("new"),
                List.of("old"),
                List.of(),
                List.of(),
                0,
                List.of(),
                Map.of(),
                Map.of());
    }

    @Test
    void aPairHasPairedChangesExamplesContaminationAndCost() throws IOException {
        Path file = folder.resolve("report.html");
        EvaluationReport.write(pair(), file);
        String html = Files.readString(file);
        assertThat(html)
                .contains("worse arc_easy acc (−0.300), nothing better.")
                .contains("<span class=\"less\">−0.300</span>", "30 / 0", "&lt; 0.001")
                .contains("0 / 2", "<td>0.500</td>")
                .contains("0.502 … 0.691")
                .contains("Why is it so?", "train.jsonl, text 9", "75 %", "1,234 training texts")
                .contains("piqa: 2 items skipped", "12.0 s", "2 cores")
                .doesNotContain("Learning against forgetting");
    }

    @Test
    void aModelAloneHasScoresWithIntervalsAndErrors() {
        String html =
                EvaluationReport.render(
                        EvaluationSummary.of(
                                "SmolLM2",
                                "0.1.0",
                                "now",
                                List.of(one("SmolLM2", rate("piqa", 50, 100), bits("text", 1, 3))),
                                Map.of("limit", 0)));
        assertThat(html)
                .contains("<td>piqa acc</td>", "0.404 … 0.596", "<td>0.050</td>", "less is better")
                .doesNotContain("Holm", "Right before");
    }

    @Test
    void manyMethodsHaveAPlotAndAreOrderedOnlyWhereBothDiffer() {
        EvaluationSummary summary = many();
        EvaluationStatistics statistics = new EvaluationStatistics(summary);
        assertThat(statistics.dominated())
                .containsExactlyInAnyOrder(new Dominated("replay", "plain fine-tuning"));
        String html = EvaluationReport.render(summary);
        assertThat(html)
                .contains("replay than plain fine-tuning", "aria-label=\"Scatter plot")
                .contains("51,200", "6,400", "90.0 s", "3.00 GB")
                .contains("better new bits_per_byte (−1.", "worse old bits_per_byte (+");
    }

    @Test
    void changesAreThoseOfThePairedTestsAndAdjustedTogether() {
        EvaluationSummary summary = pair();
        EvaluationStatistics statistics = new EvaluationStatistics(summary);
        Map<String, Change> changes = statistics.changes(summary.methods().get(1));
        Change arc = changes.get("arc_easy acc");
        assertThat(arc.difference().value()).isCloseTo(-0.3, within(1e-12));
        assertThat(arc.pValue()).isCloseTo(Math.pow(2, -29), within(1e-15));
        assertThat(arc.adjusted()).isCloseTo(2 * arc.pValue(), within(1e-15));
        assertThat(arc.better()).isFalse();
        Change piqa = changes.get("piqa acc");
        assertThat(piqa.pValue()).isCloseTo(0.5, within(1e-12));
        assertThat(piqa.isSignificant()).isFalse();
        // 1.96 + 0.84 deviations of the 2 of 100 answers that changed
        assertThat(piqa.detectable()).isCloseTo(2.80159 * Math.sqrt(0.02 / 100), within(1e-5));
    }

    @Test
    void onlyItemsOfBothAreCompared() {
        EvaluatedMethod before = one("before", rate("piqa", 10, 20));
        EvaluatedMethod after = one("after", rate("piqa", 10, 15));
        EvaluationStatistics statistics =
                new EvaluationStatistics(
                        EvaluationSummary.of("t", "v", "now", List.of(before, after), Map.of()));
        Change change = statistics.change(after, "piqa acc").orElseThrow();
        assertThat(change.items()).isEqualTo(15);
        assertThat(change.difference().value()).isZero();
        assertThat(statistics.value(before, "piqa acc").map(Estimate::value)).contains(0.5);
        EvaluatedMethod other = one("other", rate("boolq", 3, 4));
        String html =
                EvaluationReport.render(
                        EvaluationSummary.of("t", "v", "now", List.of(before, other), Map.of()));
        assertThat(html).contains("other has no items in common with before");
    }

    @Test
    void escapesEveryTextAndFetchesNothing() {
        EvaluatedMethod before =
                new EvaluatedMethod(
                        ATTACK,
                        one("x", rate(ATTACK, 1, 3)).runs(),
                        Map.of(ATTACK, List.of(ATTACK)));
        EvaluatedMethod after = one(ATTACK + 2, rate(ATTACK, 2, 3));
        String html =
                EvaluationReport.render(
                        new EvaluationSummary(
                                ATTACK,
                                ATTACK,
                                ATTACK,
                                List.of(before, after),
                                List.of(ATTACK),
                                List.of(ATTACK),
                                List.of(
                                        new AnswerChange(
                                                ATTACK + 2,
                                                ATTACK,
                                                ATTACK,
                                                ATTACK,
                                                ATTACK,
                                                ATTACK,
                                                ATTACK)),
                                List.of(
                                        new TaskContamination(
                                                ATTACK,
                                                3,
                                                0,
                                                List.of(
                                                        new ContaminatedItem(
                                                                ATTACK, 1, 1, ATTACK)))),
                                1,
                                List.of(ATTACK),
                                Map.of(ATTACK, ATTACK),
                                Map.of(ATTACK, ATTACK)));
        assertThat(html)
                .doesNotContain("<script", "<link", "<img", "@import", " src=", " href=", "\u0000")
                .contains("&quot;&gt;&lt;script&gt;", "default-src 'none'");
    }

    @Test
    void summariesWithoutWhatTheyNameAreRefused() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> EvaluationSummary.of("t", "v", "now", List.of(), Map.of()))
                .withMessageContaining("at least one model");
        EvaluatedMethod method = one("m", rate("piqa", 1, 2));
        assertThatIllegalArgumentException()
                .isThrownBy(
                        () ->
                                EvaluationSummary.of(
                                        "t", "v", "now", List.of(method, method), Map.of()))
                .withMessageContaining("two methods");
    }
}
