package org.retain4j.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.retain4j.core.io.Folders;
import org.retain4j.core.model.CausalLm;
import org.retain4j.core.model.Pretrained;
import org.retain4j.lora.Lora;
import org.retain4j.lora.OLora;

/** {@code finetune} on a sequence of tasks. */
class SequenceTest {

    private static final ObjectMapper JSON = new ObjectMapper();

    @TempDir Path folder;
    private Path yaml;

    @BeforeEach
    void write() throws IOException {
        String tasks = "";
        String text = embedded("tinyshakespeare.train.txt");
        String stories = embedded("tinystories.heldout.txt").replace("\n", " ");
        String[] parts = {text.substring(0, 5000), stories, text.substring(6000, 9000)};
        for (int t = 0; t < parts.length; t++) {
            Files.writeString(folder.resolve("t" + t + ".txt"), parts[t]);
            Files.writeString(
                    folder.resolve("t" + t + ".yaml"),
                    """
                    task: text%d
                    output_type: loglikelihood_rolling
                    doc_to_target: "{{text}}"
                    metric_list: [{metric: bits_per_byte}]
                    dataset_kwargs: {data_files: {test: t%d.jsonl}}
                    """
                            .formatted(t, t));
            Files.writeString(
                    folder.resolve("t" + t + ".jsonl"),
                    "{\"text\": \"%s\"}\n"
                            .formatted(parts[t].substring(0, 400).replaceAll("[\"\\\\\\s]+", " ")));
            tasks +=
                    "  task%d: {set: {train: {data: %s, text_unit: paragraph}}, test: %s}\n"
                            .formatted(
                                    t,
                                    folder.resolve("t" + t + ".txt"),
                                    folder.resolve("t" + t + ".yaml"));
        }
        yaml = folder.resolve("sequence.yaml");
        Files.writeString(
                yaml,
                """
                output_dir: %s
                run:
                  model: embedded:stories260K
                  max_length: 48
                  packing: true
                  batch_size: 2
                  max_steps: 6
                  learning_rate: 3e-3
                  sample_tokens: 0
                tasks:
                """
                                .formatted(folder.resolve("out"))
                        + tasks);
    }

    private static String embedded(String name) throws IOException {
        try (InputStream in =
                Pretrained.class.getResourceAsStream("/org/retain4j/core/embedded/texts/" + name)) {
            return new String(in.readAllBytes(), java.nio.charset.StandardCharsets.UTF_8);
        }
    }

    private Invocation finetune(String... changes) {
        List<String> arguments = new ArrayList<>(List.of("finetune", yaml.toString()));
        for (String change : changes) {
            arguments.addAll(List.of("--set", change));
        }
        return Invocation.of(arguments.toArray(String[]::new));
    }

    private JsonNode results() throws IOException {
        return JSON.readTree(folder.resolve("out/results.json").toFile());
    }

    @Test
    void theMatrixTellsWhatWasLearnedAndForgotten() throws IOException {
        Invocation run = finetune();
        assertThat(run.exit()).as(run.err()).isZero();
        assertThat(run.out()).contains("| after | text0 | text1 | text2 |", "| task1 |", "BWT");
        JsonNode results = results();
        JsonNode scores = results.get("scores");
        JsonNode base = results.get("base");
        assertThat(scores.get(0).get(0).asDouble()).isGreaterThan(base.get(0).asDouble());
        double forgotten = scores.get(0).get(0).asDouble() - scores.get(2).get(0).asDouble();
        double second = scores.get(1).get(1).asDouble() - scores.get(2).get(1).asDouble();
        assertThat(results.get("backwardTransfer").asDouble())
                .isCloseTo(-(forgotten + second) / 2, within(1e-9));
        double mean = 0;
        for (int t = 0; t < 3; t++) {
            mean += scores.get(2).get(t).asDouble() / 3;
        }
        assertThat(results.get("averageAccuracy").asDouble()).isCloseTo(mean, within(1e-9));

        // the last task again, as if it had been interrupted between tasks
        String before = Files.readString(folder.resolve("out/results.json"));
        Folders.delete(folder.resolve("out/task2"));
        Files.delete(folder.resolve("out/results.json"));
        assertThat(finetune().exit()).isZero();
        assertThat(Files.readString(folder.resolve("out/results.json"))).isEqualTo(before);

        Invocation changed = finetune("run.learning_rate=1e-3");
        assertThat(changed.exit()).isEqualTo(2);
        assertThat(changed.err()).contains("other settings");
    }

    /** An interruption inside a task, and one between tasks, change no bit. */
    @Test
    void anInterruptedSequenceGoesOnToTheSameBits() throws IOException {
        String[] changes = {
            "run.save_steps=2",
            "replay={added: {rows: 1}}",
            "buffer={policy: reservoir, capacity: 6}",
            "regularization={continual: {method: si, lambda: 5}}"
        };
        Invocation run = finetune(changes);
        assertThat(run.exit()).as(run.err()).isZero();
        Path out = folder.resolve("out");
        String results = Files.readString(out.resolve("results.json"));
        byte[] last = Files.readAllBytes(out.resolve("task2/run/model/model.safetensors"));
        byte[] penalty = Files.readAllBytes(out.resolve("task2/run/continual.safetensors"));
        assertThat(Files.readString(out.resolve("report.html")))
                .contains("<svg", "In numbers", "base model");

        Folders.delete(out.resolve("task2"));
        for (String gone : List.of("run/model", "run/checkpoint-4", "run/checkpoint-6")) {
            Folders.delete(out.resolve("task1").resolve(gone));
        }
        for (String gone : List.of("result.json", "run/report.html", "run/continual.safetensors")) {
            Files.delete(out.resolve("task1").resolve(gone));
        }
        Files.delete(out.resolve("results.json"));

        Invocation again = finetune(changes);

        assertThat(again.exit()).as(again.err()).isZero();
        assertThat(Files.readString(out.resolve("results.json"))).isEqualTo(results);
        assertThat(Files.readAllBytes(out.resolve("task2/run/model/model.safetensors")))
                .isEqualTo(last);
        assertThat(Files.readAllBytes(out.resolve("task2/run/continual.safetensors")))
                .isEqualTo(penalty);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "buffer={policy: herding, capacity: 4} ; regularization={gem: {rows: 1},"
                        + " continual: {method: separate_ewc, sequences: 2}} ; joint=true",
                "buffer={policy: token_balanced, capacity: 300} ; replay={dark: {rows: 1,"
                        + " examples: 2, k: 4}} ; regularization={agem: {rows: 1},"
                        + " continual: {method: rwalk}}"
            })
    void methodsOfLaterTasks(String changes) throws IOException {
        List<String> all = new ArrayList<>(List.of(changes.split(" ; ")));
        all.add("run.max_steps=2");
        Invocation run = finetune(all.toArray(String[]::new));
        assertThat(run.exit()).as(run.err()).isZero();
        String metrics = Files.readString(folder.resolve("out/task2/run/metrics.jsonl"));
        JsonNode last = JSON.readTree(metrics.lines().reduce((a, b) -> b).orElseThrow());
        assertThat(last.get("penalty").asDouble()).isPositive();
        if (changes.contains("herding")) {
            // four rows for two tasks
            Path own = folder.resolve("out/task1");
            assertThat(Files.readAllLines(own.resolve("buffer-0.jsonl"))).hasSize(2);
            assertThat(Files.readAllLines(own.resolve("buffer-1.jsonl"))).hasSize(2);
        }
        JsonNode intransigence = results().get("intransigence");
        assertThat(intransigence.isNumber()).isEqualTo(changes.contains("joint"));
    }

    /** The model writes its own examples of earlier tasks from their start tokens. */
    @Test
    void lamolPreparesItsRows() throws IOException {
        for (int t = 0; t < 3; t++) {
            Files.writeString(
                    folder.resolve("t" + t + ".txt"),
                    "{\"prompt\": \"What is %d?\", \"completion\": \"A number.\"}\n"
                            .formatted(t)
                            .repeat(8));
            Files.move(folder.resolve("t" + t + ".txt"), folder.resolve("p" + t + ".jsonl"));
        }
        List<String> changes = new ArrayList<>();
        for (int t = 0; t < 3; t++) {
            changes.add(
                    "tasks.task%d.set.train=%s".formatted(t, folder.resolve("p" + t + ".jsonl")));
        }
        changes.add("lamol={gamma: 0.5, lambda: 0.3, max_tokens: 20}");
        changes.add("run.learning_rate=1e-2");
        Invocation run = finetune(changes.toArray(String[]::new));
        assertThat(run.exit()).as(run.err()).isZero();
        assertThat(run.err()).contains("of 4 examples of task0", "of 2 examples of task1");
        List<String> rows = Files.readAllLines(folder.resolve("out/task1/lamol.jsonl"));
        assertThat(rows).hasSizeGreaterThanOrEqualTo(8);
        try (var model = Pretrained.load(folder.resolve("out/task1/run/model"))) {
            JsonNode ids = JSON.readTree(rows.get(0)).get("input_ids");
            int start = ids.get(0).asInt() == 1 ? 1 : 0;
            assertThat(model.tokenizer().idToToken(ids.get(start).asInt())).isEqualTo("__task1__");
            assertThat(model.tokenizer().tokenToId("__ans__")).isPresent();
        }
    }

    @Test
    void importanceAndOldRowsGoAlong() throws IOException {
        assertThat(finetune().exit()).isZero();
        double plain = results().get("backwardTransfer").asDouble();
        String held = "output_dir=" + folder.resolve("held");
        Invocation run =
                finetune(
                        held,
                        "online_ewc={lambda: 100, gamma: 0.9, sequences: 4}",
                        "replay_ratio=0.5");
        assertThat(run.exit()).as(run.err()).isZero();
        JsonNode results = JSON.readTree(folder.resolve("held/results.json").toFile());
        assertThat(results.get("backwardTransfer").asDouble()).isGreaterThan(plain);
        assertThat(folder.resolve("held/task1/importance.safetensors")).exists();
        String metrics = Files.readString(folder.resolve("held/task2/run/metrics.jsonl"));
        JsonNode last = JSON.readTree(metrics.lines().reduce((a, b) -> b).orElseThrow());
        assertThat(last.get("replayed_tokens").asLong()).isPositive();
        assertThat(last.get("penalty").asDouble()).isPositive();
    }

    @Test
    void adaptersKeepAwayFromThoseOfEarlierTasks() throws IOException {
        double[] overlap = new double[2];
        String[] settings = {"o_lora={lambda1: 0}", "o_lora={lambda1: 5, lambda2: 1e-4}"};
        for (int i = 0; i < 2; i++) {
            Path out = folder.resolve("o" + i);
            Invocation run =
                    finetune(
                            "output_dir=" + out,
                            "run.lora={r: 2, target_modules: all-linear}",
                            "run.learning_rate=1e-2",
                            settings[i]);
            assertThat(run.exit()).as(run.err()).isZero();
            try (CausalLm model = Pretrained.load("embedded:stories260K");
                    Lora lora = Lora.load(model, out.resolve("task2/run/adapter"));
                    OLora measure =
                            OLora.of(
                                    lora,
                                    Lora.DEFAULT,
                                    List.of(
                                            out.resolve("task0/run/adapter"),
                                            out.resolve("task1/run/adapter")),
                                    1,
                                    0)) {
                overlap[i] = measure.overlap();
            }
        }
        assertThat(overlap[1]).isPositive().isLessThan(0.8 * overlap[0]);
        JsonNode first = lastMetrics("o1/task0");
        assertThat(first.path("penalty").asDouble(0)).isZero();
        assertThat(lastMetrics("o1/task1").get("penalty").asDouble()).isPositive();
    }

    private JsonNode lastMetrics(String task) throws IOException {
        String metrics = Files.readString(folder.resolve(task).resolve("run/metrics.jsonl"));
        return JSON.readTree(metrics.lines().reduce((a, b) -> b).orElseThrow());
    }

    @Test
    void smallDirectionsLearnOneTaskAfterTheOther() throws IOException {
        Invocation run = finetune("osf=true", "run.learning_rate=1e-2");
        assertThat(run.exit()).as(run.err()).isZero();
        JsonNode results = results();
        assertThat(results.at("/scores/0/0").asDouble())
                .as("learns")
                .isGreaterThan(results.at("/base/0").asDouble() + 0.1);
        Folders.delete(folder.resolve("out/task2"));
        String before = Files.readString(folder.resolve("out/results.json"));
        assertThat(finetune("osf=true", "run.learning_rate=1e-2").exit()).isZero();
        assertThat(Files.readString(folder.resolve("out/results.json"))).isEqualTo(before);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "tasks.task0.set={} | needs train",
                "tasks.task1.test= | needs set",
                "tasks.task1.test=no_such_task | no_such_task",
                "tasks.task1.test.tusk=x | tusk",
                "replay_ratio=1 | replay_ratio must be in [0, 1)",
                "buffer={policy: reservoir} | nothing reads the buffer",
                "buffer={policy: herd} | did you mean",
                "replay={ratio: 2} | replay ratio",
                "replay={added: {}, dark: {}} | give one of them",
                "lamol={gamma: -1} | lamol needs gamma",
                "lamol={lambda: 1} ; replay_ratio=0.1 | lets the model write",
                "lamol={} ; run.lora={r: 2} | train the weights",
                "regularization={continual: {method: si, mode: loss}} | cannot have the mode loss",
                "regularization={gem: {margin: -1}} | a margin from 0 on",
                "regularization={agem: {}, gem: {}} | give one of them",
                "online_ewc={} ; regularization={ewc: {}} | the same weights twice",
                "online_ewc={gamma: 2} | gamma in [0, 1]",
                "tasks.task1.set.max_step=3 | did you mean max_steps",
                "o_lora={} | needs lora",
                "osf={} | osf",
                "run.regularization={osf: {effective_rank: 1}} | must be in (0, 1)",
                "taks=1 | did you mean tasks"
            })
    void mistakesAreToldBeforeAnythingRuns(String changes, String message) {
        Invocation run = finetune(changes.split(" ; "));
        assertThat(run.exit()).as(run.err()).isEqualTo(2);
        assertThat(run.err()).contains(message);
        assertThat(folder.resolve("out")).doesNotExist();
    }
}
