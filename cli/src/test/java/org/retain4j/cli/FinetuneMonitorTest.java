package org.retain4j.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.retain4j.core.io.Folders;
import org.retain4j.core.model.Pretrained;

/** Tasks watched during a run: measured, stopped by, and raising penalties. */
class FinetuneMonitorTest {

    private static final ObjectMapper JSON = new ObjectMapper();
    private static final String TASK = "text_bits_per_byte";

    @TempDir Path folder;
    private Path yaml;

    @BeforeEach
    void write() throws IOException {
        Path learn = folder.resolve("learn.txt");
        Files.write(learn, embedded("tinyshakespeare.train.txt", 8_000));
        String old =
                new String(embedded("tinystories.heldout.txt", 3_000), StandardCharsets.UTF_8)
                        .replaceAll("\\s+", " ");
        StringBuilder items = new StringBuilder();
        for (int i = 0; i < 5; i++) {
            String text = old.substring(300 * i, 300 * i + 200);
            items.append(JSON.writeValueAsString(Map.of("text", text))).append('\n');
        }
        Files.writeString(folder.resolve("text.jsonl"), items);
        yaml = folder.resolve("run.yaml");
        Files.writeString(
                yaml,
                """
                model: embedded:stories260K
                output_dir: %s
                train: {data: %s, text_unit: paragraph}
                max_length: 48
                packing: true
                batch_size: 2
                max_steps: 6
                learning_rate: 3e-3
                logging_steps: 1
                save_steps: 2
                eval_steps: 2
                sample_tokens: 0
                monitor: {tasks: [text], data: [%s], limit: 2}
                """
                        .formatted(folder.resolve("out"), learn, folder));
    }

    private static byte[] embedded(String name, int bytes) throws IOException {
        try (InputStream in =
                Pretrained.class.getResourceAsStream("/org/retain4j/core/embedded/texts/" + name)) {
            return in.readNBytes(bytes);
        }
    }

    private Invocation finetune(List<String> changes, String... more) {
        List<String> arguments = new ArrayList<>(List.of("finetune", yaml.toString()));
        changes.forEach(change -> arguments.addAll(List.of("--set", change)));
        arguments.addAll(List.of(more));
        return Invocation.of(arguments.toArray(String[]::new));
    }

    private List<JsonNode> evaluations() throws IOException {
        List<JsonNode> lines = new ArrayList<>();
        for (String line : Files.readAllLines(folder.resolve("out/metrics.jsonl"))) {
            JsonNode node = JSON.readTree(line);
            if (node.toString().contains(TASK)) {
                lines.add(node);
            }
        }
        return lines;
    }

    private static double number(JsonNode line, String name) {
        return line.findValue(name).doubleValue();
    }

    @Test
    void measuresBeforeDuringAndAfterOnAFewItems() throws IOException {
        String training =
                new String(embedded("tinyshakespeare.train.txt", 2_000), StandardCharsets.UTF_8);
        Files.writeString(
                folder.resolve("text.jsonl"),
                JSON.writeValueAsString(Map.of("text", training.substring(500, 800))) + "\n",
                StandardOpenOption.APPEND);
        Invocation run = finetune(List.of());
        assertThat(run.exit()).as(run.err()).isZero();
        List<JsonNode> lines = evaluations();
        assertThat(lines).hasSize(3);
        double before = number(lines.get(0), TASK) - number(lines.get(0), TASK + "_change");
        assertThat(number(lines.get(2), TASK) - number(lines.get(2), TASK + "_change"))
                .isCloseTo(before, within(1e-9));
        assertThat(number(lines.get(2), TASK + "_change")).isNotZero();
        String report = Files.readString(folder.resolve("out/report.html"));
        assertThat(report)
                .contains(
                        "text_bits_per_byte: %.4f before, %.4f after"
                                .formatted(before, number(lines.get(2), TASK)))
                .contains("text: 1 of 6 items are in the training data");
        assertThat(Files.readString(folder.resolve("out/run.json"))).contains("\"contamination\"");
    }

    @Test
    void stopsBelowTheFloor() throws IOException {
        Invocation run = finetune(List.of("monitor.floor={text: 0.01}"));
        assertThat(run.exit()).as(run.err()).isZero();
        assertThat(evaluations()).hasSize(1);
        assertThat(Files.readString(folder.resolve("out/report.html")))
                .contains("Stopped early: text_bits_per_byte is ", "above the limit of 0.01");
    }

    /** The factor is in the checkpoint: a run that goes on writes the same bytes. */
    @ParameterizedTest
    @CsvSource({"gradient", "decoupled", "proximal", "loss"})
    void raisesPenaltiesAndResumesToTheSameBytes(String mode) throws IOException {
        List<String> changes =
                List.of(
                        "monitor.floor={text: 0.01}",
                        "monitor.on_floor=raise_penalty",
                        "monitor.factor=4",
                        "regularization.l2_sp={lambda: 0.5, mode: " + mode + "}");
        Invocation run = finetune(changes);
        assertThat(run.exit()).as(run.err()).isZero();
        List<JsonNode> lines = evaluations();
        assertThat(lines.stream().map(line -> number(line, "penalty_strength")))
                .containsExactly(1.0, 4.0, 16.0);
        Path out = folder.resolve("out");
        assertThat(Files.readString(out.resolve("report.html"))).contains("raised to 64.00 times");
        byte[] weights = Files.readAllBytes(out.resolve("model/model.safetensors"));
        String metrics = Files.readString(out.resolve("metrics.jsonl"));
        for (String gone : List.of("model", "checkpoint-6")) {
            Folders.delete(out.resolve(gone));
        }
        Files.delete(out.resolve("report.html"));
        Invocation resumed = finetune(changes, "--resume");
        assertThat(resumed.exit()).as(resumed.err()).isZero();
        assertThat(Files.readAllBytes(out.resolve("model/model.safetensors"))).isEqualTo(weights);
        assertThat(Files.readString(out.resolve("metrics.jsonl"))).isEqualTo(metrics);

        Folders.delete(out);
        Invocation weak =
                finetune(List.of("regularization.l2_sp={lambda: 0.5, mode: " + mode + "}"));
        assertThat(weak.exit()).isZero();
        assertThat(Files.readAllBytes(out.resolve("model/model.safetensors")))
                .isNotEqualTo(weights);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "monitor={} | monitor.tasks is empty",
                "monitor.tasks=[lambda_openai] | did you mean lambada_openai",
                "monitor.tasks=[piqa] | no data for piqa",
                "monitor.floor={piqa: 1} | not one of its tasks",
                "monitor={tasks: [text], floor: {text: 1}, factor: 1} | factor must be above 1",
                "monitor={tasks: [text], limit: -1} | monitor.limit",
                "monitor={tasks: [text], floor: {text: 1}, on_floor: raise_penalty} | l2_sp or ewc",
                "monitor={tasks: [text], on_floor: stopp} | did you mean stop"
            })
    void mistakesAreToldBeforeAnythingRuns(String change, String told) {
        Invocation run = finetune(List.of(change));
        assertThat(run.exit()).as(run.err()).isEqualTo(2);
        assertThat(run.err()).contains(told);
        assertThat(folder.resolve("out")).doesNotExist();
    }

    @Test
    void aFloorNeedsToLookNowAndThen() {
        Invocation run = finetune(List.of("monitor.floor={text: 1}", "eval_steps=0"));
        assertThat(run.exit()).isEqualTo(2);
        assertThat(run.err()).contains("monitor.floor needs eval_steps");
    }
}
