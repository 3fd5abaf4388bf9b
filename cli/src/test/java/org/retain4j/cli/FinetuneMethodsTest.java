package org.retain4j.cli;

import static org.assertj.core.api.Assertions.assertThat;

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
import org.retain4j.core.model.Pretrained;

/** The methods against forgetting in a run.yaml: alone, together, resumed, and refused. */
class FinetuneMethodsTest {

    private static final ObjectMapper JSON = new ObjectMapper();

    private static final String ALL =
            "regularization.ewc={data: OLD, sequences: 2} ; regularization.l2_sp={lambda: 0.1}"
                    + " ; regularization.kl_to_base={beta: 0.2}"
                    + " ; regularization.agem={data: OLD, rows: 1}"
                    + " ; regularization.sam={rho: 0.05} ; regularization.mofo=0.5"
                    + " ; replay={data: OLD, dark: {rows: 1, examples: 3, k: 8}}";

    @TempDir Path folder;
    private Path old;
    private Path yaml;

    @BeforeEach
    void write() throws IOException {
        Path learn = embedded("tinyshakespeare.train.txt", "learn.txt", 8_000);
        old = embedded("tinystories.heldout.txt", "old.txt", 3_000);
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
                max_steps: 4
                learning_rate: 2e-3
                logging_steps: 1
                save_steps: 2
                sample_tokens: 0
                """
                        .formatted(folder.resolve("out"), learn));
    }

    private Path embedded(String name, String file, int bytes) throws IOException {
        try (InputStream in =
                Pretrained.class.getResourceAsStream("/org/retain4j/core/embedded/texts/" + name)) {
            Path path = folder.resolve(file);
            Files.write(path, in.readNBytes(bytes));
            return path;
        }
    }

    private Invocation finetune(List<String> changes, String... more) {
        List<String> arguments = new ArrayList<>(List.of("finetune", yaml.toString()));
        for (String change : changes) {
            arguments.addAll(List.of("--set", change.replace("OLD", old.toString())));
        }
        arguments.addAll(List.of(more));
        return Invocation.of(arguments.toArray(String[]::new));
    }

    private JsonNode lastLine() throws IOException {
        List<String> metrics = Files.readAllLines(folder.resolve("out/metrics.jsonl"));
        return JSON.readTree(metrics.get(metrics.size() - 1));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "regularization.ewc={data: OLD, importance: mas, sequences: 2, exclude: ['*norm*']}",
                "regularization.ewc={data: OLD, labels: model_sequence, sequences: 2}",
                "regularization.l2_sp={mode: loss, exclude: ['*.bias']}",
                "regularization.kl_to_base={direction: jsd}",
                "regularization.kl_to_base={direction: k3}",
                "regularization.agem={data: OLD, rows: 2}",
                "regularization.gpm={data: OLD, rows: 2, share: 0.5}",
                "regularization.gem={data: [OLD, OLD], rows: 1, margin: 0.1}",
                "regularization.sam={rho: 0.1, adaptive: true}",
                "regularization.mofo=0.2",
                "regularization.half_fine_tuning=2",
                "regularization.lisa={layers: 1, round_steps: 2}",
                "regularization.graft=0.1",
                "replay={data: OLD, dark: {rows: 2, examples: 4, k: 8}}",
                "replay={data: OLD, dark: {loss: mse}}",
                "replay={data: OLD, added: {rows: 1, weight: 0.5}}",
                "replay={data: OLD, ratio: 0.5, course: decaying}"
            })
    void trains(String change) throws IOException {
        Invocation run = finetune(List.of(change));
        assertThat(run.exit()).as(run.err()).isZero();
        assertThat(lastLine().get("step").intValue()).isEqualTo(4);
        if (change.contains("replay")) {
            assertThat(lastLine().get("replayed_tokens").longValue()).isPositive();
        }
        if (change.contains("dark") || change.contains("kl_to_base")) {
            assertThat(lastLine().get("distillation").doubleValue()).isPositive();
        }
    }

    /** Everything that makes sense together goes on to the same bytes. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                ALL
                        + " ; regularization.gpm={data: OLD, rows: 2, share: 0.5}"
                        + " ; regularization.lisa={layers: 2, round_steps: 3}",
                ALL + " ; lora={r: 2, lora_dropout: 0.1}",
                "regularization.continual={method: rwalk, lambda: 2}"
                        + " ; regularization.gem={data: [OLD, OLD], rows: 1}"
                        + " ; regularization.half_fine_tuning=3 ; ema_decay=0.9"
                        + " ; replay={data: OLD, added: {rows: 1}}",
                "lora={r: 2} ; regularization.ogd={data: OLD, rows: 3}"
                        + " ; regularization.agem={data: OLD, rows: 1}"
                        + " ; regularization.l2_sp={lambda: 0.1}"
                        + " ; replay={self_generated: {samples: 4, length: 32}, ratio: 0.5,"
                        + " course: rising}"
            })
    void allTogetherResumesToTheSameBytes(String together) throws IOException {
        List<String> changes = List.of(together.split(" ; "));
        Invocation run = finetune(changes);
        assertThat(run.exit()).as(run.err()).isZero();
        Path out = folder.resolve("out");
        byte[] weights = Files.readAllBytes(out.resolve("model/model.safetensors"));
        String metrics = Files.readString(out.resolve("metrics.jsonl"));
        for (String gone : List.of("model", "adapter", "checkpoint-4")) {
            Folders.delete(out.resolve(gone));
        }
        Files.delete(out.resolve("report.html"));

        Invocation resumed = finetune(changes, "--resume");

        assertThat(resumed.exit()).as(resumed.err()).isZero();
        assertThat(Files.readAllBytes(out.resolve("model/model.safetensors"))).isEqualTo(weights);
        assertThat(Files.readString(out.resolve("metrics.jsonl"))).isEqualTo(metrics);
    }

    @Test
    void otherSettingsOfAMethodAreNotResumed() {
        assertThat(finetune(List.of("regularization.mofo=0.5")).exit()).isZero();
        Invocation other = finetune(List.of("regularization.mofo=0.4"), "--resume");
        assertThat(other.exit()).isNotZero();
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "regularization.agem={} | agem needs data",
                "regularization.gpm={data: OLD, share: 2} | gpm.share in (0, 1]",
                "regularization.gem={} | gem needs data",
                "regularization.ogd={data: OLD, directions: 0} | ogd needs a row",
                "regularization.continual={xi: 0, method: si} | xi must be positive",
                "regularization.continual={from: none.safetensors} | does not exist",
                "regularization.sam={rho: 0} | rho must be positive",
                "regularization.mofo=2 | must be in (0, 1]",
                "regularization.lisa={layers: 0} | LISA needs a block",
                "regularization.graft=0 | graft must be in (0, 1]",
                "regularization.half_fine_tuning=0 | a round needs a step",
                "replay={data: OLD, ratio: 1} | replay ratio",
                "replay={data: OLD, dark: {k: 0}} | k must be 1 or more",
                "replay={data: OLD, dark: {}, added: {}} | give one of them",
                "replay={data: OLD, added: {}, course: rising} | does not go with",
                "regularization.ewc={data: OLD, importance: fischer} | did you mean fisher"
            })
    void wrongNumbersAreTold(String change, String message) {
        assertRefused(List.of(change), message);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "lora={r: 2} ; regularization.gpm={data: OLD} | with lora, gpm",
                "lora={r: 2} ; regularization.graft=0.1 | with lora, graft",
                "lora={r: 2} ; regularization.lisa={layers: 1} | with lora, lisa",
                "lora={r: 2} ; regularization.l2_sp={exclude: [a]} | exclude nothing",
                "regularization.lisa={layers: 1} ; regularization.half_fine_tuning=1 | give one of",
                "lora={r: 2} ; regularization.continual={method: si} | A and B have no meaning",
                "regularization.agem={data: OLD} ; regularization.gem={data: OLD} | agem and gem",
                "regularization.gpm={data: OLD} ; regularization.ogd={data: OLD} | gpm and ogd",
                "regularization.sam={} ; regularization.continual={method: rwalk} | with sam",
                "replay={data: OLD, self_generated: {}} | has 2 of them",
                "optim=sgd ; regularization.mofo=0.1 | set optim: adamw"
            })
    void whatDoesNotGoTogetherIsRefused(String changes, String message) {
        assertRefused(List.of(changes.split(" ; ")), message);
    }

    private void assertRefused(List<String> changes, String message) {
        Invocation run = finetune(changes);
        assertThat(run.exit()).as(run.err()).isEqualTo(2);
        assertThat(run.err()).contains(message);
        assertThat(folder.resolve("out")).doesNotExist();
    }
}
