package org.retain4j.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.retain4j.core.model.CausalLm;
import org.retain4j.core.model.Pretrained;
import org.retain4j.core.tensor.Device;
import org.retain4j.core.tensor.Precision;
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
        assertUsage("--tasks is missing");
        assertUsage("needs --out", "--tasks", "piqa", "--data", piqa, "--baseline", "x");
        assertUsage("need each other", "--tasks", "piqa", "--data", piqa, "--kl-from", "x");
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

    /** A pair measured at once says the same as two folders put beside each other. */
    @Test
    void comparesWithABaselineAndLooksIntoTrainingData() throws IOException {
        Path goals = folder.resolve("train.jsonl");
        Files.writeString(
                folder.resolve("piqa.jsonl"),
                "{\"goal\":\"How do I keep a tomato plant upright in windy weather outside\",\"sol1\":\"Tie it to a stake.\",\"sol2\":\"Zx qv.\",\"label\":0}\n"
                        + "{\"goal\":\"Eat\",\"sol1\":\"Jq.\",\"sol2\":\"Take food.\",\"label\":1}\n");
        Files.writeString(
                goals,
                "{\"text\":\"x\"}\n{\"text\":\"how do i keep a tomato plant upright in windy weather outside? tie it\"}\n");
        Path random = folder.resolve("random");
        try (CausalLm base = Pretrained.load(Pretrained.EMBEDDED);
                CausalLm other = CausalLm.random(base.config(), 3, Device.CPU, Precision.F32)) {
            base.save(random);
            other.save(folder.resolve("weights"));
        }
        Files.copy(
                folder.resolve("weights/model.safetensors"),
                random.resolve("model.safetensors"),
                StandardCopyOption.REPLACE_EXISTING);
        Path both = folder.resolve("both");
        String[] asked = {
            "--tasks",
            "piqa,text",
            "--data",
            folder.toString(),
            "--data",
            "text=" + folder.resolve("story.txt"),
            "--log-samples"
        };
        assertThat(
                        evaluate(
                                with(
                                        asked,
                                        "--baseline",
                                        random.toString(),
                                        "--training-data",
                                        goals.toString(),
                                        "--kl-from",
                                        random.toString(),
                                        "--kl-text",
                                        folder.resolve("story.txt").toString(),
                                        "--out",
                                        both.toString())))
                .as(err.toString())
                .isZero();
        assertThat(err.toString())
                .contains("piqa: 1 of 2 items are in the training data", "train.jsonl, text 2")
                .contains("KL drift from random on story.txt: forward ");
        JsonNode results = new ObjectMapper().readTree(both.resolve("results.json").toFile());
        assertThat(results.at("/contamination/tasks/0/contaminated/0/item").asText())
                .isEqualTo("0");
        assertThat(results.at("/kl_drift/forward").asDouble()).isGreaterThan(0.1);
        assertThat(results.at("/config/peak_bytes").asLong()).isNotNegative();
        String html = Files.readString(both.resolve("report.html"));
        assertThat(html)
                .contains("<th>Change</th><th>random</th><th>embedded:stories260K</th>")
                .contains("text bits_per_byte", "train.jsonl, text 2", "KL drift");

        for (String model : List.of(Pretrained.EMBEDDED, random.toString())) {
            Path to = folder.resolve(model.equals(Pretrained.EMBEDDED) ? "after" : "before");
            assertThat(run(with(asked, "--model", model, "--out", to.toString()))).isZero();
        }
        assertThat(
                        run(
                                "--model",
                                folder.resolve("after").toString(),
                                "--baseline",
                                folder.resolve("before").toString(),
                                "--out",
                                folder.resolve("read").toString()))
                .as(err.toString())
                .isZero();
        String read = Files.readString(folder.resolve("read/report.html"));
        assertThat(read).contains("<th>Change</th><th>before</th><th>after</th>");
        assertThat(changes(read)).isNotEmpty().isEqualTo(changes(html));
        assertThat(folder.resolve("read/results.json")).doesNotExist();
    }

    private static List<String> changes(String html) {
        return Pattern.compile("[+−][0-9.]+</span><small>[^<]*</small>")
                .matcher(html)
                .results()
                .map(MatchResult::group)
                .toList();
    }

    private static String[] with(String[] some, String... more) {
        return Stream.of(some, more).flatMap(Stream::of).toArray(String[]::new);
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
