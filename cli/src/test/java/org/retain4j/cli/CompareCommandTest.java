package org.retain4j.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.retain4j.cli.compare.Comparison;
import org.retain4j.cli.compare.ComparisonOptions;
import org.retain4j.cli.compare.MethodInfo;
import org.retain4j.cli.compare.Methods;
import org.retain4j.evaluation.report.ComparisonJson;

/** What {@code compare} hands to the comparison, what it prints, and what it leaves on disk. */
class CompareCommandTest {

    @TempDir Path folder;

    private final List<ComparisonOptions> started = new ArrayList<>();

    private Invocation run(String... args) {
        return Invocation.of(
                (options, progress) -> {
                    started.add(options);
                    progress.update(1, 2, "ewc seed 1");
                    return Invocation.result(options.model());
                },
                folder.resolve("runs"),
                args);
    }

    @Test
    void defaultsRunEverythingIntoAFolderNamedByTheTime() throws IOException {
        Invocation run = run("compare");

        assertThat(run.exit()).as(run.err()).isZero();
        ComparisonOptions options = started.get(0);
        assertThat(options.model()).isEqualTo("embedded:stories260K");
        assertThat(options.learn()).isNull();
        assertThat(options.retain()).isNull();
        assertThat(options.methods()).isEmpty();
        assertThat(options.seeds()).isEqualTo(ComparisonOptions.DEFAULT_SEEDS);
        assertThat(options.steps()).isEqualTo(ComparisonOptions.DEFAULT_STEPS);
        assertThat(options.out().getParent()).isEqualTo(folder.resolve("runs"));
        assertThat(options.out().getFileName().toString())
                .matches("\\d{4}-\\d\\d-\\d\\d_\\d\\d-\\d\\d-\\d\\d");
        assertThat(names(options.out()))
                .containsExactly("pareto.svg", "report.html", "results.json", "run.json");
        assertThat(run.out())
                .contains("Plain fine-tuning")
                .contains("wrote " + options.out().resolve("report.html"));
    }

    @Test
    void optionsReachTheComparison() throws IOException {
        Path learn = Files.writeString(folder.resolve("learn.txt"), "new");
        Path retain = Files.writeString(folder.resolve("retain.txt"), "old");
        Path out = folder.resolve("a/b");

        Invocation run =
                run(
                        "compare",
                        "--learn=" + learn,
                        "--retain",
                        retain.toString(),
                        "--methods",
                        "plain,EWC:0.3",
                        "--seeds",
                        "2",
                        "--steps",
                        "7",
                        "--out",
                        out.toString());

        assertThat(run.exit()).as(run.err()).isZero();
        assertThat(started)
                .containsExactly(
                        new ComparisonOptions(
                                "embedded:stories260K",
                                learn,
                                retain,
                                List.of("plain", "ewc:0.3"),
                                2,
                                7,
                                out));
    }

    @Test
    void jsonGoesAloneToStandardOutput() throws IOException {
        Path out = folder.resolve("out");
        Invocation run = run("compare", "--json", "--out", out.toString());

        assertThat(run.exit()).as(run.err()).isZero();
        assertThat(run.out()).isEqualTo(Files.readString(out.resolve("results.json")));
        assertThat(ComparisonJson.read(out.resolve("results.json")).retain4jVersion())
                .isEqualTo("1.2.3");
        assertThat(run.err()).contains("wrote " + out.resolve("results.json"));
    }

    @Test
    void provenanceNamesCommandVersionsInputsAndMachine() throws IOException {
        Path learn = Files.writeString(folder.resolve("learn.txt"), "abc");
        Path out = folder.resolve("out");
        Invocation run = run("compare", "--learn", learn.toString(), "--out", out.toString());

        assertThat(run.exit()).as(run.err()).isZero();
        JsonNode json = new JsonMapper().readTree(out.resolve("run.json").toFile());
        assertThat(json.at("/command/0").asText()).isEqualTo("compare");
        assertThat(json.at("/command/2").asText()).isEqualTo(learn.toString());
        assertThat(json.at("/versions/retain4j").asText()).isEqualTo("1.2.3");
        assertThat(json.at("/versions/libtorch").asText()).startsWith("2.7.");
        assertThat(json.at("/options/steps").asInt()).isEqualTo(ComparisonOptions.DEFAULT_STEPS);
        assertThat(json.at("/inputs/learn/0/bytes").asInt()).isEqualTo(3);
        // FIPS 180-2, appendix B.1: the hash of "abc"
        assertThat(json.at("/inputs/learn/0/sha256").asText())
                .isEqualTo("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assertThat(json.at("/inputs/retain/0/file").asText())
                .isEqualTo("embedded:texts/tinystories.train.txt");
        assertThat(json.at("/inputs/model/1/sha256").asText()).hasSize(64);
        assertThat(json.at("/settings/batch").asInt()).isEqualTo(8);
        assertThat(json.at("/environment/threads").asInt()).isEqualTo(2);
        assertThat(json.at("/machine/threads").asInt()).isPositive();
        assertThat(json.at("/machine/cpu").asText()).isNotBlank();
        assertThat(json.at("/ended").asText()).isEqualTo("2026-01-02T03:04:05Z");
    }

    @Test
    void aFailedComparisonIsOneLineAndLeavesNoFolder() {
        Path out = folder.resolve("new/out");
        Invocation run =
                Invocation.of(
                        (options, progress) -> {
                            throw new IOException("the text is too short,\n give more");
                        },
                        folder,
                        "compare",
                        "--out",
                        out.toString());

        assertThat(run.exit()).isEqualTo(1);
        assertThat(run.out()).isEmpty();
        assertThat(run.err()).isEqualTo("retain4j compare: the text is too short, give more\n");
        assertThat(folder.resolve("new")).doesNotExist();
    }

    @Test
    void aFullHeapIsOneLineThatSaysHowToGetMore() {
        Invocation run =
                Invocation.of(
                        (options, progress) -> {
                            throw new OutOfMemoryError("Java heap space");
                        },
                        folder.resolve("runs"),
                        "compare");

        assertThat(run.exit()).isEqualTo(1);
        assertThat(run.err()).contains("RETAIN4J_JAVA_OPTS=-Xmx2g");
        assertThat(run.err().lines()).hasSize(1);
    }

    @Test
    void methodsAreListedWithPaperAndOptions() {
        Invocation run = Invocation.of("compare", "--list-methods");

        assertThat(run.exit()).isZero();
        assertThat(run.err()).isEmpty();
        for (MethodInfo method : Methods.all()) {
            assertThat(run.out())
                    .containsPattern(
                            "(?m)^  " + method.name() + " +\\Q" + method.title() + "\\E.*\\(.+\\)$")
                    .contains(method.group().title() + ":\n", method.paper(), method.options());
        }
        assertThat(Invocation.of("compare", "--methods", "help")).isEqualTo(run);
    }

    @Test
    void allNamesEveryMethodAndNoNameTheUsualOnes() {
        assertThat(run("compare", "--methods", "all").exit()).isZero();
        assertThat(started.get(0).methods()).contains("plain", "wise-ft", "lora", "dora");
        assertThat(run("compare").exit()).isZero();
        assertThat(started.get(1).methods()).isEmpty();
    }

    /** Documents of words that no other document has. */
    private Path text(String name, int documents) throws IOException {
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < documents; i++) {
            for (int w = 0; w < 30; w++) {
                text.append(name, 0, 1).append(i).append('q').append(w).append(' ');
            }
            text.append("the end.\n<|endoftext|>\n");
        }
        return Files.writeString(folder.resolve(name + ".txt"), text);
    }

    @Test
    void everyMethodIsMeasuredOnTasksThatNothingIsChosenOn() throws IOException {
        Path learn = text("learn", 16);
        Path retain = text("old", 16);
        Path stories = folder.resolve("text.jsonl");
        Files.writeString(
                stories,
                "{\"text\": \"Once upon a time there was a girl who had a red ball.\"}\n"
                        + "{\"text\": \"One day the dog ran to the park to play.\"}\n");
        Path out = folder.resolve("out");
        String[] asked = {
            "compare",
            "--learn=" + learn,
            "--retain=" + retain,
            "--methods=plain",
            "--seeds=1",
            "--steps=1",
            "--tasks=text",
            "--data=text=" + stories,
            "--out=" + out
        };
        Invocation run = Invocation.of(Comparison::run, folder, asked);
        assertThat(run.exit()).as(run.err()).isZero();
        assertThat(run.out()).contains("tasks.html");
        JsonNode tasks = new JsonMapper().readTree(out.resolve("tasks.json").toFile());
        assertThat(tasks.at("/methods")).hasSize(2);
        assertThat(tasks.at("/methods/1/runs/0/scores/2/task").asText()).isEqualTo("text");
        assertThat(tasks.at("/methods/1/runs/0/scores/2/items")).hasSize(2);
        assertThat(tasks.at("/methods/1/runs/0/scores/2/items/0/score").asDouble())
                .isNotEqualTo(tasks.at("/methods/0/runs/0/scores/2/items/0/score").asDouble());
        assertThat(Files.readString(out.resolve("tasks.html")))
                .contains("new text bits_per_byte", "text bits_per_byte", "plain fine-tuning");

        // the fourteenth of sixteen documents chooses the learning rate
        String judged = Files.readAllLines(learn).get(26);
        Files.writeString(stories, "{\"text\": \"" + judged + "\"}\n");
        asked[8] = "--out=" + folder.resolve("other");
        Invocation refused = Invocation.of(Comparison::run, folder, asked);
        assertThat(refused.exit()).isEqualTo(2);
        assertThat(refused.err()).contains("item 0 of text is in", "learning rates are chosen");
        assertThat(folder.resolve("other")).doesNotExist();
    }

    @Test
    void tasksWithoutDataAreRefused() {
        Invocation run = run("compare", "--tasks", "piqa");
        assertThat(run.exit()).isEqualTo(2);
        assertThat(run.err()).contains("no data for piqa");
    }

    private static List<String> names(Path folder) throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            return files.map(file -> file.getFileName().toString()).sorted().toList();
        }
    }
}
