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
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.retain4j.core.model.CausalLm;
import org.retain4j.core.model.Pretrained;
import org.retain4j.core.model.TokenBatch;
import org.retain4j.lora.Lora;

/** Whole runs on the embedded model and its texts. */
class FinetuneCommandTest {

    private static final ObjectMapper JSON = new ObjectMapper();

    @TempDir Path folder;
    private Path learn;
    private Path retain;
    private Path yaml;

    @BeforeEach
    void write() throws IOException {
        learn = embedded("tinyshakespeare.train.txt", "learn.txt", 12_000);
        retain = embedded("tinystories.heldout.txt", "retain.txt", 3_000);
        yaml = folder.resolve("run.yaml");
        Files.writeString(
                yaml,
                """
                model: embedded:stories260K
                output_dir: %s
                train: {data: %s, text_unit: paragraph}
                retain: %s
                eval_split: 0.1
                max_length: 64
                packing: true
                batch_size: 4
                max_steps: 6
                learning_rate: 2e-3
                logging_steps: 1
                eval_steps: 2
                save_steps: 3
                sample_tokens: 8
                sample_prompts: [Once upon a time, {text: "The king"}]
                """
                        .formatted(folder.resolve("out"), learn, retain));
    }

    private Path embedded(String name, String file, int bytes) throws IOException {
        try (InputStream in =
                Pretrained.class.getResourceAsStream("/org/retain4j/core/embedded/texts/" + name)) {
            Path path = folder.resolve(file);
            Files.write(path, in.readNBytes(bytes));
            return path;
        }
    }

    private Invocation finetune(String... more) {
        List<String> arguments = new ArrayList<>(List.of("finetune", yaml.toString()));
        arguments.addAll(List.of(more));
        return Invocation.of(arguments.toArray(String[]::new));
    }

    @Test
    void trainsAndLeavesModelMetricsAndReport() throws IOException {
        Invocation run = finetune();

        assertThat(run.err()).contains("first example:", "260,032 of 260,032 parameters");
        assertThat(run.exit()).as(run.err()).isZero();
        assertThat(run.out()).contains("6 steps", "Held-out task: loss", "Old knowledge: loss");
        Path out = folder.resolve("out");
        List<String> metrics = Files.readAllLines(out.resolve("metrics.jsonl"));
        assertThat(metrics).hasSize(6);
        JsonNode first = JSON.readTree(metrics.get(0));
        JsonNode last = JSON.readTree(metrics.get(5));
        assertThat(last.get("loss").doubleValue()).isLessThan(first.get("loss").doubleValue());
        assertThat(last.get("eval_rise").doubleValue()).isNegative();
        assertThat(last.get("retain_rise").doubleValue()).isPositive();
        assertThat(Files.readString(out.resolve("report.html")))
                .contains("<svg", "Once upon a time", "The king", "retain");
        JsonNode told = JSON.readTree(out.resolve("run.json").toFile());
        assertThat(told.get("status").textValue()).isEqualTo("done");
        assertThat(told.get("data").get(learn.toString()).textValue()).hasSize(64);
        assertThat(told.get("results").get("retain_rise").doubleValue())
                .isEqualTo(last.get("retain_rise").doubleValue());
        try (CausalLm tuned = Pretrained.load(out.resolve("model"));
                CausalLm base = Pretrained.load(Pretrained.EMBEDDED)) {
            assertThat(tuned.parameters().get(0).value().toFloatArray())
                    .isNotEqualTo(base.parameters().get(0).value().toFloatArray());
        }
        assertThat(finetune().err()).contains("output_dir", "already exists and is not empty");
        assertThat(finetune("--resume").err()).contains("has ended");
    }

    @Test
    void resumesToTheSameBytes() throws IOException {
        assertThat(finetune().exit()).isZero();
        Path out = folder.resolve("out");
        byte[] weights = Files.readAllBytes(out.resolve("model/model.safetensors"));
        String metrics = Files.readString(out.resolve("metrics.jsonl"));
        delete(out.resolve("model"));
        delete(out.resolve("checkpoint-6"));
        Files.delete(out.resolve("report.html"));

        Invocation resumed = finetune("--resume");

        assertThat(resumed.exit()).as(resumed.err()).isZero();
        assertThat(Files.readAllBytes(out.resolve("model/model.safetensors"))).isEqualTo(weights);
        assertThat(Files.readString(out.resolve("metrics.jsonl"))).isEqualTo(metrics);
    }

    @Test
    void refusesToResumeWithOtherDataOrOptions() throws IOException {
        assertThat(finetune().exit()).isZero();
        Path out = folder.resolve("out");
        delete(out.resolve("model"));

        assertThat(finetune("--resume", "--set", "learning_rate=1e-4").err())
                .contains("learning_rate", "0.002", "1.0E-4");
        Files.writeString(learn, "Another text.\n\n" + Files.readString(learn));
        assertThat(finetune("--resume").err()).contains("data");
        assertThat(Files.exists(out.resolve("model"))).isFalse();
    }

    @Test
    void everyMethodPlugsIn() throws IOException {
        Invocation run =
                finetune(
                        "--set", "max_steps=2",
                        "--set", "regularization.l2_sp.lambda=0.1",
                        "--set", "regularization.ewc={data: " + learn + ", sequences: 2}",
                        "--set", "regularization.kl_to_base.beta=0.2",
                        "--set", "regularization.wise_ft.alpha=0.5",
                        "--set", "replay={data: " + learn + ", ratio: 0.5}",
                        "--set", "ema_decay=0.9",
                        "--set", "parameters.frozen=[model.embed_tokens]",
                        "--set", "parameters.groups=[{pattern: '*.mlp.*', learning_rate: 1e-3}]",
                        "--set", "neftune_noise_alpha=5",
                        "--set", "label_smoothing_factor=0.1");

        assertThat(run.exit()).as(run.err()).isZero();
        List<String> metrics = Files.readAllLines(folder.resolve("out/metrics.jsonl"));
        JsonNode last = JSON.readTree(metrics.get(1));
        assertThat(last.get("distillation").doubleValue()).isPositive();
        assertThat(last.get("penalty").doubleValue()).isPositive();
        assertThat(last.get("replayed_tokens").longValue()).isPositive();
        try (CausalLm tuned = Pretrained.load(folder.resolve("out/model"));
                CausalLm base = Pretrained.load(Pretrained.EMBEDDED)) {
            assertThat(tuned.parameter("model.embed_tokens.weight").value().toFloatArray())
                    .isEqualTo(base.parameter("model.embed_tokens.weight").value().toFloatArray());
            assertThat(tuned.parameter("model.norm.weight").value().toFloatArray())
                    .isNotEqualTo(base.parameter("model.norm.weight").value().toFloatArray());
        }
    }

    private static final List<String> LORA =
            List.of(
                    "--set",
                            "lora={r: 4, lora_alpha: 8, lora_dropout: 0.1, target_modules: all-linear}",
                    "--set", "regularization.kl_to_base.beta=0.1",
                    "--set", "loraplus_lr_ratio=4",
                    "--set", "save_dtype=f32");

    @Test
    void trainsAnAdapterAndMergesIt() throws IOException {
        Invocation run = finetune(LORA.toArray(String[]::new));

        assertThat(run.exit()).as(run.err()).isZero();
        assertThat(run.err()).contains("23,120 of 260,032 parameters");
        Path out = folder.resolve("out");
        JsonNode last = JSON.readTree(Files.readAllLines(out.resolve("metrics.jsonl")).get(5));
        assertThat(last.get("eval_rise").doubleValue()).isNegative();
        assertThat(last.get("distillation").doubleValue()).isPositive();
        assertThat(out.resolve("checkpoint-6/adapter.safetensors")).exists();
        assertThat(out.resolve("checkpoint-6/model.safetensors")).doesNotExist();
        JsonNode peft = JSON.readTree(out.resolve("adapter/adapter_config.json").toFile());
        assertThat(peft.get("base_model_name_or_path").textValue())
                .isEqualTo("embedded:stories260K");
        int[] prompt = {1, 403, 407, 261, 378};
        double[] merged;
        double[] adapted;
        double[] plain;
        try (CausalLm tuned = Pretrained.load(out.resolve("model"));
                CausalLm base = Pretrained.load(Pretrained.EMBEDDED)) {
            merged = tuned.tokenLogProbs(TokenBatch.of(prompt))[0];
            plain = base.tokenLogProbs(TokenBatch.of(prompt))[0];
            try (Lora lora = Lora.load(base, out.resolve("adapter"))) {
                adapted = base.tokenLogProbs(TokenBatch.of(prompt))[0];
            }
        }
        assertThat(merged[2]).isNotCloseTo(plain[2], within(1e-3));
        for (int i = 1; i < merged.length; i++) {
            assertThat(merged[i]).isCloseTo(adapted[i], within(1e-4));
        }
        Invocation generated =
                Invocation.of(
                        "generate",
                        "--model",
                        "embedded:stories260K",
                        "--adapter",
                        out.resolve("adapter").toString(),
                        "--prompt",
                        "Once upon a time",
                        "--max-new-tokens",
                        "5");
        assertThat(generated.exit()).as(generated.err()).isZero();
    }

    @Test
    void penaltiesTieTheProductsOfAnAdapter() throws IOException {
        List<String> more = new ArrayList<>(LORA);
        more.addAll(
                List.of(
                        "--set", "max_steps=3",
                        "--set", "regularization.l2_sp.lambda=1",
                        "--set", "regularization.ewc={data: " + learn + ", sequences: 2}"));

        Invocation run = finetune(more.toArray(String[]::new));

        assertThat(run.exit()).as(run.err()).isZero();
        List<String> metrics = Files.readAllLines(folder.resolve("out/metrics.jsonl"));
        assertThat(JSON.readTree(metrics.get(0)).get("penalty").doubleValue()).isZero();
        assertThat(JSON.readTree(metrics.get(2)).get("penalty").doubleValue()).isPositive();
    }

    @Test
    void resumesAnAdapterToTheSameBytes() throws IOException {
        assertThat(finetune(LORA.toArray(String[]::new)).exit()).isZero();
        Path out = folder.resolve("out");
        byte[] weights = Files.readAllBytes(out.resolve("adapter/adapter_model.safetensors"));
        delete(out.resolve("model"));
        delete(out.resolve("adapter"));
        delete(out.resolve("checkpoint-6"));

        List<String> other = new ArrayList<>(LORA);
        other.addAll(List.of("--resume", "--set", "lora.lora_alpha=16"));
        assertThat(finetune(other.toArray(String[]::new)).err()).contains("lora");
        List<String> same = new ArrayList<>(LORA);
        same.add("--resume");
        Invocation resumed = finetune(same.toArray(String[]::new));

        assertThat(resumed.exit()).as(resumed.err()).isZero();
        assertThat(Files.readAllBytes(out.resolve("adapter/adapter_model.safetensors")))
                .isEqualTo(weights);
    }

    @Test
    void aDryRunTellsAllAndWritesNothing() {
        Invocation run = finetune("--dry-run", "--set", "batch_size=2");

        assertThat(run.exit()).as(run.err()).isZero();
        assertThat(run.out())
                .contains("batch_size: 2", "learning_rate: 0.002", "optim: adamw")
                .contains("6 steps of 1 x 2 rows", "memory: about", "first example:");
        assertThat(folder.resolve("out")).doesNotExist();
    }

    @Test
    void printsTheSchema() throws IOException {
        Invocation run = Invocation.of("finetune", "--schema");
        assertThat(JSON.readTree(run.out()).get("properties").has("learning_rate")).isTrue();
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            textBlock =
                    """
                    train=no-such.jsonl                 | 2 | train: the data file no-such.jsonl does not exist
                    eval=no-such.jsonl                  | 2 | eval: the data file no-such.jsonl does not exist
                    max_length=100000                   | 2 | max_length is 100000, but the model has 512 positions
                    parameters.frozen=model.layer.0     | 2 | parameters.frozen: the name pattern model.layer.0 fits no parameter; did you mean model.layers.0?
                    parameters.frozen='*'               | 2 | nothing is left to train
                    model=no/such/model                 | 1 | does not exist
                    eval_split=5.5                      | 2 | eval_split
                    group_by_length=true                | 2 | exclude each other
                    lora.rank=8                         | 2 | lora
                    lora.target_modules=[no_such_layer] | 2 | no_such_layer
                    chat_template=no.jinja              | 2 | chat_template: no.jinja does not exist
                    """)
    void mistakesEndBeforeAnythingIsWritten(String change, int exit, String message) {
        Invocation run = finetune("--set", change);

        assertThat(run.err()).contains(message).doesNotContain("\tat ");
        assertThat(run.exit()).isEqualTo(exit);
        assertThat(folder.resolve("out")).doesNotExist();
    }

    @Test
    void rowsWithProblemsAreToldAndSkippedOrEndTheRun() throws IOException {
        Path rows = folder.resolve("rows.jsonl");
        Files.writeString(
                rows,
                "{\"text\": \"One day a cat sat on a mat and was happy.\"}\n{\"txt\": 1}\n",
                StandardCharsets.UTF_8);

        Invocation run =
                finetune("--set", "train=" + rows, "--set", "eval_split=", "--set", "max_steps=1");
        assertThat(run.err()).contains("skipped: ", "rows.jsonl", "1 skipped");
        assertThat(run.exit()).as(run.err()).isZero();

        Invocation strict =
                finetune(
                        "--set",
                        "train=" + rows,
                        "--set",
                        "eval_split=",
                        "--set",
                        "strict=true",
                        "--set",
                        "output_dir=" + folder.resolve("other"));
        assertThat(strict.exit()).isEqualTo(1);
        assertThat(strict.err()).contains("rows.jsonl", "line 2");
        assertThat(folder.resolve("other")).doesNotExist();
    }

    private static void delete(Path path) throws IOException {
        try (Stream<Path> all = Files.walk(path)) {
            for (Path each : all.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(each);
            }
        }
    }
}
