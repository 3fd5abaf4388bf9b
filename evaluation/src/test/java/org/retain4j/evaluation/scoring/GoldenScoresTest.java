package org.retain4j.evaluation.scoring;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.retain4j.core.model.CausalLm;
import org.retain4j.core.model.Pretrained;

/** Scores against transformers and lm-evaluation-harness; origin in golden/scoring/README.md. */
class GoldenScoresTest {

    private static final Path GOLDEN = Path.of("src/test/resources/golden");

    @TempDir Path folder;

    private static JsonNode expected(String model) throws IOException {
        Path file = GOLDEN.resolve("scoring/loglikelihood_" + model + ".json");
        return new ObjectMapper().readTree(file.toFile());
    }

    private static int[] ids(JsonNode node) {
        return IntStream.range(0, node.size()).map(i -> node.get(i).asInt()).toArray();
    }

    @ParameterizedTest
    @ValueSource(strings = {"llama", "qwen2"})
    void rowsHaveTheLogProbabilitiesOfTransformers(String name) throws IOException {
        JsonNode rows = expected(name).get("rows");
        List<ScoreRequest> requests = new ArrayList<>();
        rows.forEach(row -> requests.add(ScoreRequest.of(ids(row.get("ids")))));
        try (CausalLm model = Pretrained.load(GOLDEN.resolve("models").resolve(name))) {
            List<RowScore> scores = TokenScorer.of(model).score(requests);
            assertThat(scores).hasSize(2);
            for (int r = 0; r < scores.size(); r++) {
                double[] found = scores.get(r).logProbs();
                JsonNode wanted = rows.get(r).get("logprobs");
                assertThat(found).hasSize(wanted.size());
                for (int t = 0; t < found.length; t++) {
                    assertThat(found[t]).isCloseTo(wanted.get(t).asDouble(), within(1e-4));
                }
            }
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"llama", "qwen2"})
    void requestsHaveTheTokensAndSumsOfTheHarness(String name) throws IOException {
        JsonNode expected = expected(name);
        int longest = expected.get("max_length").asInt() + 1;
        int cut = 0;
        try (CausalLm model = Pretrained.load(withPositions(name, longest))) {
            List<ScoreRequest> requests = new ArrayList<>();
            for (JsonNode wanted : expected.get("requests")) {
                String context = wanted.get("context").asText();
                String continuation = wanted.get("continuation").asText();
                ScoreRequest whole =
                        new PromptPair(context, continuation).encode(model.tokenizer(), true);
                assertThat(whole.context()).isEqualTo(wanted.get("context_tokens").asInt());
                assertThat(Arrays.copyOfRange(whole.ids(), whole.context(), whole.ids().length))
                        .isEqualTo(ids(wanted.get("continuation_ids")));
                assertThat(whole.ids().length > longest)
                        .isEqualTo(wanted.get("truncated").asBoolean());
                cut += whole.ids().length > longest ? 1 : 0;
                requests.add(whole.cutLeft(longest));
            }
            List<RowScore> scores = TokenScorer.of(model).score(requests);
            for (int i = 0; i < scores.size(); i++) {
                JsonNode wanted = expected.get("requests").get(i);
                assertThat(scores.get(i).sum())
                        .as("request %d", i)
                        .isCloseTo(wanted.get("loglikelihood").asDouble(), within(1e-3));
                assertThat(scores.get(i).greedy()).isEqualTo(wanted.get("is_greedy").asBoolean());
                assertThat(scores.get(i).counted())
                        .isEqualTo(wanted.get("continuation_ids").size());
            }
        }
        assertThat(cut).isGreaterThan(1);
    }

    private Path withPositions(String name, int positions) throws IOException {
        try (var files = Files.list(GOLDEN.resolve("models").resolve(name))) {
            for (Path file : files.toList()) {
                Files.copy(file, folder.resolve(file.getFileName()));
            }
        }
        Path config = folder.resolve("config.json");
        String text = Files.readString(config);
        String key = "\"max_position_embeddings\": ";
        assertThat(text).contains(key + "128");
        Files.writeString(config, text.replace(key + "128", key + positions));
        return folder;
    }
}
