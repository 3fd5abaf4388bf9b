package org.retain4j.replay.generation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Filters, their counts, and the choice of representatives. */
class ExampleFiltersTest {

    private static PseudoExample example(String prompt, String answer) {
        return new PseudoExample(prompt, "", answer, Map.of("seed", 1));
    }

    private static List<String> kept(ExampleFilter filter, String... prompts) throws IOException {
        return filter
                .keep(Arrays.stream(prompts).map(prompt -> example(prompt, "An answer.")).toList())
                .stream()
                .map(PseudoExample::prompt)
                .toList();
    }

    @Test
    void repetitionIsTheShareOfRunsThatWereThereBefore() throws IOException {
        assertThat(ExampleFilters.repetition("a b c")).isZero();
        assertThat(ExampleFilters.repetition("one two three four five")).isZero();
        // ten words a a a …: seven runs of four, one of them new
        assertThat(ExampleFilters.repetition("a a a a a a a a a a"))
                .isCloseTo(6 / 7.0, within(1e-12));
        // the run "a b c d" twice among five
        assertThat(ExampleFilters.repetition("a b c d, A B C D")).isCloseTo(0.2, within(1e-12));
        assertThat(kept(ExampleFilters.repetition(0.2), "a b c d a b c d", "a b c d e f g h"))
                .containsExactly("a b c d e f g h");
    }

    @Test
    void nearlyEqualPromptsCountOnce() throws IOException {
        String long1 =
                "Write a short story about a small dog that lives in a big house near the sea and"
                        + " likes to play with its friends every day after school";
        assertThat(
                        kept(
                                ExampleFilters.nearDuplicates(0.7),
                                long1,
                                long1 + "!",
                                "What is the capital of France?",
                                long1.replace("school", "lunch"),
                                "Explain how rain comes about",
                                "what is the capital of france"))
                .containsExactly(
                        long1, "What is the capital of France?", "Explain how rain comes about");
    }

    @Test
    void simpleFiltersDropWhatTheySay() throws IOException {
        assertThat(kept(ExampleFilters.complete(), "Sort these: ", "Sort these: a, b"))
                .containsExactly("Sort these: a, b");
        assertThat(kept(ExampleFilters.length(4), "abc ...", "abcd")).containsExactly("abcd");
        assertThat(
                        kept(
                                ExampleFilters.script(Character.UnicodeScript.LATIN, 0.9),
                                "Привет, как дела сегодня?",
                                "How are you?"))
                .containsExactly("How are you?");
        ExampleFilter refusal = ExampleFilters.refusal();
        assertThat(
                        refusal.keep(
                                List.of(
                                        example("p", "I'm sorry, but I cannot do that."),
                                        example("p", "As an AI language model, I"),
                                        example("p", "I cannot help."),
                                        example("p", "Sorry is a word."))))
                .hasSize(1);
    }

    @Test
    void theFunnelCountsWhatEveryFilterKept(@TempDir Path folder) throws IOException {
        List<Funnel.Stage> stages = new ArrayList<>();
        List<PseudoExample> left =
                Funnel.run(
                        List.of(example("a:", "x"), example("b c", "x"), example("b C", "x")),
                        List.of(ExampleFilters.complete(), ExampleFilters.nearDuplicates(0.7)),
                        stages);
        Funnel funnel = new Funnel(stages);
        assertThat(funnel.written()).isEqualTo(3);
        assertThat(funnel.kept()).isEqualTo(1);
        assertThat(stages)
                .containsExactly(
                        new Funnel.Stage("colon", 3, 2), new Funnel.Stage("duplicate", 2, 1));
        assertThat(funnel.lines().get(1)).contains("duplicate", "2 in", "1 out");
        Path file = folder.resolve("rows.jsonl");
        new Written(left, funnel).save(file);
        assertThat(Files.readString(file))
                .isEqualTo(
                        "{\"instruction\":\"b c\",\"input\":\"\",\"output\":\"x\","
                                + "\"provenance\":{\"seed\":1}}\n");
    }

    @Test
    void ofEveryGroupThoseNearItsCentreAreTaken() {
        // two far groups on a line, of six and of three points
        float[][] points = new float[9][];
        for (int i = 0; i < 9; i++) {
            points[i] = new float[] {i < 6 ? i : 100 + (i - 6), 0};
        }
        KMeans means = KMeans.of(points, 2, 3);
        int[] groups = means.groups();
        assertThat(Arrays.stream(groups, 0, 6).distinct().count()).isEqualTo(1);
        assertThat(groups[6]).isNotEqualTo(groups[0]).isEqualTo(groups[8]);
        // two thirds of the quota for two thirds of the points; centres are 2.5 and 101
        assertThat(means.representatives(3)).containsExactly(2, 3, 7);
        assertThat(means.representatives(20)).hasSize(9);
        assertThat(KMeans.of(points, 50, 1).representatives(4)).hasSize(4);
    }

    @Test
    void aQuotaIsSharedToTheLastOne() {
        assertThat(KMeans.shares(new int[] {5, 3, 2}, 4, 10)).containsExactly(2, 1, 1);
        assertThat(KMeans.shares(new int[] {1, 1, 1}, 2, 3)).containsExactly(1, 1, 0);
    }

    @Test
    void aTextIsAnInputAndAnOutput() {
        assertThat(SelfSynthesizedRehearsal.input(" two and two\nOutput: four\n"))
                .isEqualTo("two and two");
        assertThat(SelfSynthesizedRehearsal.input(" two and two")).isNull();
        assertThat(SelfSynthesizedRehearsal.input(" a Output: b Output: c")).isNull();
        assertThat(SelfSynthesizedRehearsal.input(" a Output: b Input: c")).isNull();
        assertThat(SelfSynthesizedRehearsal.input(" Output: b")).isNull();
        assertThat(SelfSynthesizedRehearsal.input(" a Output: ")).isNull();
        assertThat(SelfSynthesizedRehearsal.ordered(4, 2)).hasSize(12);
        assertThat(SelfSynthesizedRehearsal.ordered(1, 1)).hasSize(1);
    }
}
