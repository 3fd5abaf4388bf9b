package org.retain4j.cli.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.retain4j.cli.usage.UsageException;
import org.retain4j.finetune.data.ExampleFormat;
import org.retain4j.finetune.data.Truncation;

class RunFileTest {

    private static final String REQUIRED =
            """
            model: m
            output_dir: o
            train: a.jsonl
            """;

    private static RunConfig parse(String more, String... changes) {
        return RunFile.parse("run.yaml", REQUIRED + more, List.of(changes));
    }

    @Test
    void readsTheShortFormsAndTheLongOnes() {
        RunConfig config =
                RunFile.parse(
                        "run.yaml",
                        """
                        model: m
                        output_dir: o
                        train:
                          - a.jsonl
                          - data: [b.json, "c/*.jsonl"]
                            format: alpaca
                            weight: 2
                        eval: e.jsonl
                        retain:
                          data: old.txt
                          text_unit: paragraph
                        truncation: split
                        learning_rate: 1e-5
                        packing: true
                        sample_prompts: [Hello, {text: Once}]
                        regularization:
                          l2_sp: {}
                          ewc: {lambda: 2, data: old.txt}
                        """,
                        List.of());

        assertThat(config.train).hasSize(2);
        assertThat(config.train.get(0).data).containsExactly("a.jsonl");
        assertThat(config.train.get(1).data).containsExactly("b.json", "c/*.jsonl");
        assertThat(config.train.get(1).format).isEqualTo(ExampleFormat.ALPACA);
        assertThat(config.train.get(1).weight).isEqualTo(2);
        assertThat(config.eval.get(0).data).containsExactly("e.jsonl");
        assertThat(config.truncation).isEqualTo(Truncation.SPLIT);
        assertThat(config.learningRate).isEqualTo(1e-5);
        assertThat(config.samplePrompts.get(0).either).isEqualTo("Hello");
        assertThat(config.samplePrompts.get(1).text).isEqualTo("Once");
        assertThat(config.regularization.l2Sp).isNotNull();
        assertThat(config.regularization.ewc.lambda).isEqualTo(2);
        assertThat(config.regularization.klToBase).isNull();
    }

    @Test
    void setWinsOverTheFile() {
        RunConfig config =
                parse(
                        "learning_rate: 1e-5\nretain: [r.txt]\n",
                        "learning_rate=3e-4",
                        "train=b.jsonl",
                        "retain.0=s.txt",
                        "regularization.ewc.lambda=0.5",
                        "parameters.frozen=[a, b]");

        assertThat(config.learningRate).isEqualTo(3e-4);
        assertThat(config.train.get(0).data).containsExactly("b.jsonl");
        assertThat(config.retain.get(0).data).containsExactly("s.txt");
        assertThat(config.regularization.ewc.lambda).isEqualTo(0.5);
        assertThat(config.parameters.frozen).containsExactly("a", "b");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            textBlock =
                    """
                    learning_rte: 1        | line 4: learning_rte: unknown key learning_rte; did you mean learning_rate?
                    learning_rate: fast    | line 4: learning_rate is "fast", expected a number
                    batch_size: 1.5        | line 4: batch_size is "1.5", expected a whole number
                    packing: maybe         | line 4: packing is "maybe", expected true or false
                    optim: adam            | line 4: optim is "adam", expected one of adamw, sgd, adafactor; did you mean adamw?
                    seed:                  | line 4: seed: expected a whole number, found nothing
                    model: twice           | line 4: Duplicate field 'model'
                    'eval: [&x b, *x]'     | line 4: aliases (*x) are not supported
                    parameters: all        | line 4: parameters: expected a section of keys
                    eval: {date: x}        | line 4: eval.0.date: unknown key date; did you mean data?
                    replay: {ratio: half}  | line 4: replay.ratio is "half", expected a number
                    """)
    void everyMistakeIsNamedByItsLine(String line, String message) {
        assertThatThrownBy(() -> parse(line + "\n"))
                .isInstanceOf(UsageException.class)
                .hasMessageStartingWith("run.yaml, line")
                .hasMessageContaining(message);
    }

    @Test
    void mistakesInChangesAreNamed() {
        assertThatThrownBy(() -> parse("", "learning_rate"))
                .hasMessageContaining("--set needs key=value");
        assertThatThrownBy(() -> parse("", "warmup=1"))
                .hasMessageContaining("--set warmup")
                .hasMessageContaining("did you mean warmup_");
        assertThatThrownBy(() -> parse("", "model.x=1"))
                .hasMessageContaining("model is a value, not a section");
        assertThatThrownBy(() -> parse("eval: [a]\n", "eval.3=b"))
                .hasMessageContaining("3 is no place of a list of 1");
    }

    @Test
    void missingKeysAndFilesAreNamed() {
        assertThatThrownBy(() -> RunFile.parse("run.yaml", "model: m\n", List.of()))
                .hasMessageContaining("output_dir is missing");
        assertThatThrownBy(() -> RunFile.parse("run.yaml", "", List.of()))
                .hasMessageContaining("holds no keys");
        assertThatThrownBy(() -> RunFile.read(Path.of("no/such.yaml"), List.of()))
                .hasMessageContaining("does not exist");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            textBlock =
                    """
                    batch_size: 0                    | batch_size must be at least 1
                    warmup_ratio: 2                  | warmup_ratio must be in [0, 1]
                    label_smoothing_factor: 1        | label_smoothing_factor must be in [0, 1)
                    momentum: 0.9                    | momentum is a setting of optim: sgd
                    min_lr_rate: 0.1                 | min_lr_rate needs lr_scheduler_type
                    lr_scheduler_type: warmup_stable_decay | needs num_decay_steps
                    early_stopping_patience: 2       | needs eval or eval_split
                    load_best_model_at_end: true     | needs eval or eval_split
                    max_retain_rise: 0.1             | max_retain_rise needs retain
                    replay: {ratio: 0.1}             | replay needs one of data, self_generated, magpie, ssr and lamol, has 0
                    regularization: {ewc: {}}        | regularization.ewc needs either data
                    device: tpu                      | device
                    precision: f64                   | precision
                    num_train_epochs: 0              | num_train_epochs
                    """)
    void settingsThatDoNotGoTogetherAreRefused(String line, String message) {
        RunConfig config = parse(line + "\n");
        assertThatThrownBy(() -> TrainingPlan.check(config))
                .isInstanceOf(UsageException.class)
                .hasMessageContaining(message);
    }
}
