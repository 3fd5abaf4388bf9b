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
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.retain4j.core.model.Pretrained;

/** {@code compare RECIPE.yaml} on the embedded model. */
class RecipeCommandTest {

    private static final ObjectMapper JSON = new ObjectMapper();

    @TempDir Path folder;
    private Path recipe;

    @BeforeEach
    void write() throws IOException {
        Path learn = embedded("tinyshakespeare.train.txt", "learn.txt", 12_000);
        Path old = embedded("tinystories.heldout.txt", "old.txt", 3_000);
        String all = Files.readString(embedded("tinystories.heldout.txt", "all.txt", 6_000));
        String text = all.substring(4_000).replace("\"", "'").replaceAll("\\s+", " ");
        Files.writeString(
                folder.resolve("text.jsonl"),
                "{\"text\": \"%s\"}\n{\"text\": \"%s\"}\n"
                        .formatted(text.substring(0, 300), text.substring(300, 700)));
        Files.writeString(
                folder.resolve("next.yaml"),
                """
                task: next_word
                output_type: loglikelihood
                doc_to_text: "{{a}}"
                doc_to_target: "{{b}}"
                dataset_kwargs: {data_files: {test: next.jsonl}}
                metric_list: [{metric: acc}]
                """);
        Files.writeString(
                folder.resolve("next.jsonl"),
                """
                {"a": "Once upon a", "b": "time"}
                {"a": "First Citizen: We are accounted poor", "b": "citizens"}
                """);
        recipe = folder.resolve("recipe.yaml");
        Files.writeString(
                recipe,
                """
                output_dir: %1$s
                seeds: [1, 2]
                run:
                  model: embedded:stories260K
                  train: {data: %2$s, text_unit: paragraph}
                  eval_split: 0.1
                  retain: %3$s
                  max_eval_samples: 4
                  max_length: 64
                  packing: true
                  batch_size: 4
                  max_steps: 4
                  learning_rate: 3e-3
                  sample_tokens: 0
                methods:
                  plain: {title: plain fine-tuning}
                  l2sp:
                    set: {regularization: {l2_sp: {lambda: 0.1}}}
                    try:
                      - {regularization.l2_sp.lambda: 0.01}
                      - {regularization.l2_sp.lambda: 100}
                  lora: {set: {lora: {r: 2}}}
                  half: {average_of: lora, alpha: 0.5}
                  none: {average_of: plain, alpha: 0}
                learned: [%4$s]
                retained: [text]
                data: [text=%5$s]
                choose: {max_steps: 2}
                """
                        .formatted(
                                folder.resolve("out"),
                                learn,
                                old,
                                folder.resolve("next.yaml"),
                                folder.resolve("text.jsonl")));
    }

    private Path embedded(String name, String file, int bytes) throws IOException {
        try (InputStream in =
                Pretrained.class.getResourceAsStream("/org/retain4j/core/embedded/texts/" + name)) {
            Path path = folder.resolve(file);
            Files.write(path, in.readNBytes(bytes));
            return path;
        }
    }

    private Invocation compare(String... more) {
        List<String> arguments = new ArrayList<>(List.of("compare", recipe.toString()));
        arguments.addAll(List.of(more));
        return Invocation.of(arguments.toArray(String[]::new));
    }

    @Test
    void comparesAndGoesOnWhereItWas() throws IOException {
        Invocation run = compare();

        assertThat(run.exit()).as(run.err()).isZero();
        assertThat(run.out()).contains("| plain fine-tuning |", "| base model |", "next_word");
        Path out = folder.resolve("out");
        JsonNode results = JSON.readTree(out.resolve("results.json").toFile());
        assertThat(results.get("methods")).hasSize(5);
        JsonNode l2sp = results.get("methods").get(1);
        assertThat(l2sp.get("trials")).hasSize(2);
        assertThat(l2sp.at("/chosen/regularization.l2_sp.lambda").isNumber()).isTrue();
        assertThat(l2sp.get("memoryBytes").asLong())
                .as("keeps the weights before training")
                .isGreaterThan(results.at("/methods/0/memoryBytes").asLong());
        assertThat(l2sp.get("extraTokens").asLong()).isZero();
        double base = results.at("/base/text/value/value").asDouble();
        double plain = value(results, 0);
        assertThat(plain).as("forgets").isGreaterThan(base);
        assertThat(results.at("/methods/0/tasks/text/minusBase/value").asDouble())
                .isCloseTo(plain - base, within(1e-9));
        assertThat(value(results, 4))
                .as("nothing of the tuned weights")
                .isCloseTo(base, within(1e-4));
        assertThat(value(results, 3)).as("half of the adapter").isNotEqualTo(value(results, 2));
        assertThat(results.at("/methods/4/tasks/text/minusFirst/value").asDouble()).isNegative();
        assertThat(out.resolve("plain/seed-2/samples_text.jsonl")).exists();
        assertThat(out.resolve("lora/seed-1/run/adapter/adapter_model.safetensors")).exists();
        assertThat(out.resolve("plain/seed-1/run/model")).doesNotExist();
        assertThat(Files.readString(out.resolve("report.html")))
                .contains("Learning against forgetting", "<h3>text bits_per_byte", "half</td>")
                .contains("regularization.l2_sp.lambda (chosen)", "Trained tokens");

        FileTime first = Files.getLastModifiedTime(out.resolve("plain/seed-1/result.json"));
        String before = Files.readString(out.resolve("results.json"));
        Files.delete(out.resolve("lora/seed-2/result.json"));
        assertThat(compare().exit()).isZero();
        assertThat(Files.readString(out.resolve("results.json")).replaceAll("\"seconds\".*", ""))
                .isEqualTo(before.replaceAll("\"seconds\".*", ""));
        assertThat(Files.getLastModifiedTime(out.resolve("plain/seed-1/result.json")))
                .isEqualTo(first);

        Invocation changed = compare("--set", "run.learning_rate=1e-3");
        assertThat(changed.exit()).isEqualTo(2);
        assertThat(changed.err()).contains("holds results of other settings");
    }

    @Test
    void refusesToChooseOnWhatIsHeldOutAndListsWhatWasTrainedOn() throws IOException {
        String stories = Files.readString(folder.resolve("old.txt")).replaceAll("\\s+", " ");
        Files.writeString(
                folder.resolve("text.jsonl"),
                JSON.writeValueAsString(Map.of("text", stories.substring(200, 600))) + "\n");
        Invocation refused = compare();
        assertThat(refused.exit()).isEqualTo(2);
        assertThat(refused.err())
                .contains("methods.l2sp.try would be chosen on items that are held out")
                .contains("text: 1 of 1 items are in eval or retain");
        assertThat(folder.resolve("out")).doesNotExist();

        Invocation same = compare("--set", "run.retain=" + folder.resolve("text.jsonl"));
        assertThat(same.exit()).isEqualTo(2);
        assertThat(same.err()).contains("which holds the items of text");

        Invocation replayed =
                compare(
                        "--set",
                        "methods={plain: {set: {replay: {ratio: 0.25, data: "
                                + folder.resolve("old.txt")
                                + "}}}}",
                        "--set",
                        "seeds=[1]");
        assertThat(replayed.exit()).as(replayed.err()).isZero();
        JsonNode results = JSON.readTree(folder.resolve("out/results.json").toFile());
        assertThat(results.at("/contamination/tasks/1/contaminated")).hasSize(1);
        assertThat(Files.readString(folder.resolve("out/report.html")))
                .contains("Evaluated items in the training data", "old.txt");
    }

    private static double value(JsonNode results, int method) {
        JsonNode methods = results.isArray() ? results : results.get("methods");
        return methods.get(method).at("/tasks/text/value/value").asDouble();
    }

    @Test
    void aSweepMakesAMethodOfEveryValueAndDrawsTheCurves() throws IOException {
        Invocation run =
                compare(
                        "--set",
                        "seeds=[1]",
                        "--set",
                        "methods={plain: {}, lora: {title: LoRA, set: {lora: {r: 2}}, sweep:"
                                + " {lora.r: [2, 4], learning_rate: [3e-4, 3e-2]}}}");
        assertThat(run.exit()).as(run.err()).isZero();
        assertThat(run.out()).contains("| LoRA, r 4, learning_rate 3e-4 |", "curves.svg");
        Path out = folder.resolve("out");
        JsonNode methods = JSON.readTree(out.resolve("results.json").toFile()).get("methods");
        assertThat(methods).hasSize(5);
        assertThat(methods.get(0).get("line").isNull()).isTrue();
        assertThat(methods.get(4).get("name").asText()).isEqualTo("lora-4-0.03");
        assertThat(methods.get(4).get("line").asText()).isEqualTo("LoRA, r 4");
        assertThat(methods.get(4).at("/swept/lora.r").asInt()).isEqualTo(4);
        assertThat(value(methods, 3)).isNotEqualTo(value(methods, 4));
        assertThat(value(methods, 2)).as("rank 2").isNotEqualTo(value(methods, 4));
        assertThat(Files.readString(out.resolve("curves.svg"))).startsWith("<svg");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "seeds=[] | seeds is empty",
                "seeds=[1, 1] | a number twice",
                "methods={} | methods is empty",
                "methods.half.average_of=lorra | did you mean lora",
                "methods.half.alpha=2 | must be in [0, 1]",
                "methods.lora.set.learning_rat=1 | learning_rat",
                "methods.lora.try=[{learning_rate: 1}] | the same number",
                "methods.lora.sweep={learning_rate: []} | has no values",
                "methods.lora.sweep={learning_rat: [1]} | learning_rat",
                "methods.lora.sweep={learning_rate: [[1]]} | lists numbers",
                "methods.l2sp.sweep={learning_rate: [1]} | neither try nor average_of",
                "methods.plain.sweep={learning_rate: [1]} | names an average or a sweep",
                "choose.tolerance=1 | tolerance",
                "run.retain= | give both",
                "learned=[no_such_task] | no_such_task",
                "run.max_steps=x | max_steps",
                "metods=1 | did you mean methods"
            })
    void mistakesAreToldBeforeAnythingRuns(String change, String told) {
        Invocation run = compare("--set", change);
        assertThat(run.exit()).isEqualTo(2);
        assertThat(run.err()).contains(told);
        assertThat(folder.resolve("out")).doesNotExist();
    }

    @Test
    void optionsOfTheOtherComparisonDoNotMix() throws IOException {
        assertThat(compare("--seeds", "2").err()).contains("--seeds does not go with a recipe");
        assertThat(Invocation.of("compare", "--set", "a=1").err()).contains("give its file");
        Files.writeString(recipe, "a: [", StandardCharsets.UTF_8);
        assertThat(compare().err()).contains("recipe.yaml, line");
    }
}
