package org.retain4j.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Generation from the command line, on the embedded model and a tiny chat model. */
class GenerateCommandTest {

    private static final ObjectMapper JSON = new ObjectMapper();
    private static final String STORIES = "embedded:stories260K";
    private static final String CHAT = "../core/src/test/resources/golden/models/llama";

    @TempDir Path folder;

    private static Invocation generate(String... more) {
        List<String> all = new ArrayList<>(List.of("generate", "--model", STORIES));
        all.addAll(List.of(more));
        return Invocation.of(all.toArray(String[]::new));
    }

    @Test
    void theStoryGoesOnAsItsModelIsKnownToTellIt() {
        Invocation run = generate("--prompt", "Once upon a time", "--max-new-tokens", "40");
        assertThat(run.exit()).as(run.err()).isZero();
        assertThat(run.out())
                .startsWith(", there was a little girl named Lily. She loved")
                .endsWith("\n");
    }

    @Test
    void jsonHoldsIdsTextReasonAndSpeed() throws IOException {
        Invocation run = generate("--prompt", "Once upon a time", "-n", "12", "--json");
        assertThat(run.exit()).as(run.err()).isZero();
        assertThat(run.out().lines()).hasSize(1);
        JsonNode line = JSON.readTree(run.out());
        assertThat(line.fieldNames())
                .toIterable()
                .containsExactly("ids", "text", "stop_reason", "tokens_per_second");
        assertThat(line.get("ids")).hasSize(12);
        assertThat(line.get("text").asText()).startsWith(", there was");
        assertThat(line.get("stop_reason").asText()).isEqualTo("length");
        assertThat(line.get("tokens_per_second").asDouble()).isPositive();
    }

    @Test
    void aFileOfPromptsGivesEachWhatItGivesAlone() throws IOException {
        Path file = folder.resolve("prompts.jsonl");
        Files.writeString(
                file,
                "\"One day\"\n\n{\"prompt\":\"The big dog ran to the\"}\n"
                        + "{\"ids\":[1,403,407,261,378]}\n{\"text\":\"Lily\"}\n");
        String[] sampling = {"--temperature", "0.9", "--top-k", "20", "--seed", "4", "-n", "15"};
        for (String batch : List.of("1", "3")) {
            List<String> arguments =
                    new ArrayList<>(
                            List.of("--prompts", file.toString(), "--batch-size", batch, "--json"));
            arguments.addAll(List.of(sampling));
            Invocation run = generate(arguments.toArray(String[]::new));
            assertThat(run.exit()).as(run.err()).isZero();
            List<String> texts = new ArrayList<>();
            for (String line : run.out().lines().toList()) {
                texts.add(JSON.readTree(line).get("ids").toString());
            }
            assertThat(texts).hasSize(4);
            Path first = folder.resolve("texts");
            if (Files.exists(first)) {
                assertThat(texts).isEqualTo(Files.readAllLines(first));
            }
            Files.write(first, texts);
        }
    }

    @Test
    void aStopTextEndsIt() throws IOException {
        Invocation run =
                generate("--prompt", "Once upon a time", "--stop", "Lily", "-n", "60", "--json");
        JsonNode line = JSON.readTree(run.out());
        assertThat(line.get("text").asText()).isEqualTo(", there was a little girl named ");
        assertThat(line.get("stop_reason").asText()).isEqualTo("stop");
    }

    @Test
    void aPromptAsChatEqualsItsRenderedMessages() throws IOException {
        Path file = folder.resolve("messages.jsonl");
        Files.writeString(
                file, "{\"messages\":[{\"role\":\"user\",\"content\":\"What is 7 + 5?\"}]}\n");
        Invocation chat =
                Invocation.of(
                        "generate",
                        "--model",
                        CHAT,
                        "--chat",
                        "--prompt",
                        "What is 7 + 5?",
                        "-n",
                        "8",
                        "--json");
        Invocation messages =
                Invocation.of(
                        "generate",
                        "--model",
                        CHAT,
                        "--prompts",
                        file.toString(),
                        "-n",
                        "8",
                        "--json");
        assertThat(chat.exit()).as(chat.err()).isZero();
        assertThat(messages.exit()).as(messages.err()).isZero();
        JsonNode ids = JSON.readTree(chat.out()).get("ids");
        assertThat(JSON.readTree(messages.out()).get("ids")).isEqualTo(ids);
        Invocation plain =
                Invocation.of(
                        "generate",
                        "--model",
                        CHAT,
                        "--prompt",
                        "What is 7 + 5?",
                        "-n",
                        "8",
                        "--json");
        assertThat(JSON.readTree(plain.out()).get("ids")).isNotEqualTo(ids);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "--temperature -1|temperature must be 0 or more",
                "--top-p 2|top_p",
                "--min-p 2|min_p",
                "--repetition-penalty 0|repetition_penalty",
                "--top-k -1|top_k",
                "--max-new-tokens -1|max_new_tokens",
                "--batch-size 0|--batch-size",
                "--precision f8|unknown precision",
                "--device gpu9|device",
                "--model|is given twice"
            })
    void aMistakeInAnOptionIsNamed(String option, String reason) {
        List<String> words = new ArrayList<>(List.of("--prompt", "a"));
        words.addAll(
                List.of(option.equals("--model") ? "--model x".split(" ") : option.split(" ")));
        Invocation run = generate(words.toArray(String[]::new));
        assertThat(run.exit()).isEqualTo(2);
        assertThat(run.err()).contains(reason);
        assertThat(run.err().lines()).hasSize(1);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "not json|line 1 is not JSON",
                "{}|is no prompt",
                "{\"ids\":[1,\"x\"]}|whole numbers",
                "{\"prompt\":\"\"} |",
                "5|is no prompt"
            })
    void aMistakeInTheFileOfPromptsIsNamedWithItsLine(String line, String reason)
            throws IOException {
        Path file = folder.resolve("p.jsonl");
        Files.writeString(file, line + "\n");
        Invocation run = generate("--prompts", file.toString(), "-n", "1");
        if (reason == null) {
            // the tokenizer of this model puts a first token before an empty text
            assertThat(run.exit()).as(run.err()).isZero();
            return;
        }
        assertThat(run.exit()).isEqualTo(2);
        assertThat(run.err()).contains(reason).contains("line 1");
    }

    @Test
    void promptsMustBeGivenInOneWay() {
        assertThat(generate().exit()).isEqualTo(2);
        assertThat(generate("--prompt", "a", "--prompt-ids", "1").exit()).isEqualTo(2);
        assertThat(generate("--prompt-ids", "1,x").err()).contains("--prompt-ids");
        assertThat(generate("--prompt-ids", "1", "--chat").err()).contains("--chat");
        assertThat(generate("--prompt-ids", "99999").err()).contains("vocabulary");
        Invocation missing =
                Invocation.of("generate", "--model", "no/such/folder", "--prompt", "a");
        assertThat(missing.exit()).isEqualTo(1);
        assertThat(missing.err()).contains("no/such/folder").contains(STORIES);
    }
}
