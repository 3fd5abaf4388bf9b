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
import org.retain4j.core.model.Pretrained;

/** Replay of what the model writes itself, in a run.yaml. */
class WrittenReplayTest {

    private static final ObjectMapper JSON = new ObjectMapper();

    @TempDir Path folder;
    private Path yaml;

    @BeforeEach
    void write() throws IOException {
        try (InputStream in =
                Pretrained.class.getResourceAsStream(
                        "/org/retain4j/core/embedded/texts/tinyshakespeare.train.txt")) {
            Files.write(folder.resolve("learn.txt"), in.readNBytes(4_000));
        }
        Files.writeString(
                folder.resolve("chat.jinja"),
                "{% for m in messages %}{% if m.role == 'user' %}Once {{ m.content }}."
                        + "{% elif m.role == 'assistant' %} {{ m.content }}{% endif %}{% endfor %}");
        Files.writeString(
                folder.resolve("seeds.jsonl"),
                "{\"prompt\": \"a dog\", \"completion\": \" It ran.\"}\n");
        yaml = folder.resolve("run.yaml");
        Files.writeString(
                yaml,
                """
                model: embedded:stories260K
                output_dir: %s
                train: {data: %s, text_unit: paragraph}
                max_length: 400
                batch_size: 2
                max_steps: 2
                learning_rate: 2e-3
                logging_steps: 1
                sample_tokens: 0
                """
                        .formatted(folder.resolve("out"), folder.resolve("learn.txt")));
    }

    private Invocation finetune(String... changes) {
        List<String> arguments = new ArrayList<>(List.of("finetune", yaml.toString()));
        for (String change : changes) {
            arguments.addAll(List.of("--set", change.replace("FOLDER", folder.toString())));
        }
        return Invocation.of(arguments.toArray(String[]::new));
    }

    @Test
    void instructionsAndAnswersOfTheModelAreReplayed() throws IOException {
        String[] changes = {
            "chat_template=FOLDER/chat.jinja",
            "replay={ratio: 0.5, generation_cache: FOLDER/cache, magpie: {samples: 6,"
                    + " answer_tokens: 300, max_perplexity: 100000, first_temperature: 1.2,"
                    + " script: latin}}"
        };
        Invocation run = finetune(changes);
        assertThat(run.exit()).as(run.err()).isZero();
        assertThat(run.err()).contains("replay.magpie: 6 texts written", "duplicate");
        List<String> rows = Files.readAllLines(folder.resolve("out/generated.jsonl"));
        assertThat(rows).isNotEmpty();
        JsonNode row = JSON.readTree(rows.get(0));
        assertThat(row.get("instruction").asText()).isNotBlank().doesNotContain("\n", ".");
        assertThat(row.at("/provenance/model").asText()).hasSize(64);
        assertThat(row.at("/provenance/seed").asLong()).isEqualTo(42);
        List<String> metrics = Files.readAllLines(folder.resolve("out/metrics.jsonl"));
        assertThat(JSON.readTree(metrics.get(1)).get("replayed_tokens").asLong()).isPositive();
        assertThat(Files.readString(folder.resolve("out/report.html")))
                .contains("replay.magpie: 6 texts written");

        // the same again comes from the cache, to the same bytes
        String[] again = {changes[0], changes[1], "output_dir=FOLDER/again"};
        assertThat(finetune(again).exit()).isZero();
        assertThat(Files.readAllLines(folder.resolve("again/generated.jsonl"))).isEqualTo(rows);
        assertThat(Files.readAllBytes(folder.resolve("again/model/model.safetensors")))
                .isEqualTo(Files.readAllBytes(folder.resolve("out/model/model.safetensors")));
    }

    /** The story model writes no pairs of input and output, and the report says where they end. */
    @Test
    void whenNothingIsLeftTheFunnelSaysWhy() {
        Invocation run =
                finetune("replay={ssr: {data: FOLDER/seeds.jsonl, samples: 2, input_tokens: 12}}");
        assertThat(run.exit()).isNotZero();
        assertThat(run.err()).contains("no text passed all filters", "one pair", "2 in");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "replay={magpie: {}} | needs a chat template",
                "replay={magpie: {}, self_generated: {}} | one of data, self_generated, magpie",
                "replay={magpie: {}, data: FOLDER/learn.txt} | has 2 of them",
                "replay={ratio: 0.1} | has 0 of them",
                "replay={ssr: {}} | replay.ssr needs data",
                "replay={ssr: {data: FOLDER/learn.txt}} | is no question with an answer",
                "replay={magpie: {samples: 0}} | magpie needs a sample",
                "replay={magpie: {script: latinish}} | latinish",
                "replay={lamol: {lambda: -1}} | lamol.lambda must be 0 or more",
                "replay={lamol: {}, added: {}} | does not go with",
                "replay={lamol: {}} ; packing=true | packing: false",
                "replay={lamol: {}} ; lora={r: 2} | train the weights",
                "replay={lamol: {}} | has no token __gen__"
            })
    void whatCannotBeIsRefused(String changes, String message) {
        Invocation run = finetune(changes.split(" ; "));
        assertThat(run.exit()).as(run.err()).isEqualTo(2);
        assertThat(run.err()).contains(message);
    }
}
