package org.retain4j.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.retain4j.core.model.Pretrained;
import picocli.CommandLine;

class EvaluateCommandTest {

    @TempDir Path folder;

    private final StringWriter out = new StringWriter();
    private final StringWriter err = new StringWriter();

    @BeforeEach
    void data() throws IOException {
        Files.writeString(
                folder.resolve("piqa.jsonl"),
                "{\"goal\":\"Sleep\",\"sol1\":\"Go to bed.\",\"sol2\":\"Zx qv.\",\"label\":0}\n"
                        + "{\"goal\":\"Eat\",\"sol1\":\"Jq.\",\"sol2\":\"Take food.\",\"label\":1}\n"
                        + "{\"goal\":\"Run\",\"sol1\":\"Wk.\",\"sol2\":\"Move.\",\"label\":0}\n");
        Files.writeString(folder.resolve("story.txt"), "Once upon a time there was a little girl.");
    }

    private int run(String... args) {
        out.getBuffer().setLength(0);
        err.getBuffer().setLength(0);
        Console console = new Console(new PrintWriter(out), new PrintWriter(err), false);
        Failures failures = new Failures(console);
        return new CommandLine(new EvaluateCommand(console))
                .setParameterExceptionHandler(failures)
                .setExecutionExceptionHandler(failures)
                .execute(args);
    }

    private int evaluate(String... more) {
        String[] args = new String[more.length + 2];
        args[0] = "--model";
        args[1] = Pretrained.EMBEDDED;
        System.arraycopy(more, 0, args, 2, more.length);
        return run(args);
    }

    @Test
    void scoresTasksAndWritesTheLayoutOfTheHarness() throws IOException {
        Path to = folder.resolve("run");
        int exit =
                evaluate(
                        "--tasks",
                        "piqa,text",
                        "--data",
                        folder.toString(),
                        "--data",
                        "text=" + folder.resolve("story.txt"),
                        "--limit",
                        "2",
                        "--out",
                        to.toString(),
                        "--log-samples",
                        "--json");
        assertThat(exit).as(err.toString()).isZero();
        JsonNode printed = new ObjectMapper().readTree(out.toString());
        assertThat(new ObjectMapper().readTree(to.resolve("results.json").toFile()))
                .isEqualTo(printed);
        assertThat(printed.at("/results/piqa/acc,none").asDouble()).isEqualTo(1);
        assertThat(printed.at("/results/text/bits_per_byte,none").asDouble()).isBetween(0.1, 3.0);
        assertThat(printed.at("/n-samples/piqa/original").asInt()).isEqualTo(3);
        assertThat(printed.at("/n-samples/piqa/effective").asInt()).isEqualTo(2);
        assertThat(printed.at("/versions/piqa").asDouble()).isEqualTo(1);
        assertThat(printed.at("/config/limit").asInt()).isEqualTo(2);
        assertThat(Files.readAllLines(to.resolve("samples_piqa.jsonl"))).hasSize(2);

        assertThat(
                        evaluate(
                                "--tasks",
                                "piqa",
                                "--data",
                                "piqa=" + folder.resolve("piqa.jsonl"),
                                "--out",
                                to.toString()))
                .isZero();
        assertThat(err.toString()).contains("5 answers are known already");
        assertThat(out.toString())
                .containsPattern(
                        "piqa +1.0 +0 +none +acc_norm +0.6667 +0.3333 +\\[0.208, 0.939\\] +3");
    }

    @Test
    void mistakesAreNamedBeforeAModelIsLoaded() {
        String piqa = "piqa=" + folder.resolve("piqa.jsonl");
        assertUsage("did you mean piqa?", "--tasks", "pica", "--data", piqa);
        assertUsage("there are arc_challenge", "--tasks", "zzzzzz", "--data", piqa);
        assertUsage("no data for winogrande", "--tasks", "winogrande");
        assertUsage(
                "which is not one of the --tasks",
                "--tasks",
                "piqa",
                "--data",
                piqa,
                "--data",
                "boolq=" + folder.resolve("piqa.jsonl"));
        assertUsage("does not exist", "--tasks", "piqa", "--data", "piqa=/nowhere.jsonl");
        assertUsage("NAME=PATH", "--tasks", "piqa", "--data", piqa.substring(5));
        assertUsage("--confirm-run-unsafe-code", "--tasks", "humaneval");
        assertUsage("twice", "--tasks", "piqa,piqa", "--data", piqa);
        assertUsage("--limit must be at least 0", "--tasks", "piqa", "--data", piqa, "--limit=-1");
        assertUsage("--batch-size", "--tasks", "piqa", "--data", piqa, "--batch-size=0");
        assertUsage("needs --out", "--tasks", "piqa", "--data", piqa, "--log-samples");
        assertUsage(
                "--apply-chat-template",
                "--tasks",
                "piqa",
                "--data",
                piqa,
                "--fewshot-as-multiturn");
    }

    private void assertUsage(String part, String... args) {
        assertThat(evaluate(args)).as(part).isEqualTo(CommandLine.ExitCode.USAGE);
        assertThat(err.toString()).contains(part);
        assertThat(out.toString()).isEmpty();
    }

    @Test
    void aBadRowFailsWithItsLine() throws IOException {
        Path file = Files.writeString(folder.resolve("bad.jsonl"), "{\"goal\":\"g\"}\n");
        assertThat(evaluate("--tasks", "piqa", "--data", "piqa=" + file)).isEqualTo(1);
        assertThat(err.toString()).contains("bad.jsonl, line 1", "\"sol1\" is missing");
    }

    @Test
    void ownTasksComeWithTheirData() throws IOException {
        Path yaml =
                Files.writeString(
                        folder.resolve("own.yaml"),
                        "task: own\noutput_type: multiple_choice\ndoc_to_text: goal\n"
                                + "doc_to_choice: \"{{ [sol1, sol2] }}\"\ndoc_to_target: label\n"
                                + "dataset_kwargs: {data_files: piqa.jsonl}\n"
                                + "metric_list: [{metric: acc}]\n");
        assertThat(evaluate("--tasks", yaml.toString())).as(err.toString()).isZero();
        assertThat(out.toString()).containsPattern("own +0.0 +0 +none +acc ");
    }
}
