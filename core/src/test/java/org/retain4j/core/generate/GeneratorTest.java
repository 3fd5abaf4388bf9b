package org.retain4j.core.generate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalInt;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.retain4j.core.model.CausalLm;
import org.retain4j.core.model.Pretrained;
import org.retain4j.core.model.TokenBatch;
import org.retain4j.core.tensor.Autograd;
import org.retain4j.core.tensor.DType;
import org.retain4j.core.tensor.Device;
import org.retain4j.core.tensor.Kernels;
import org.retain4j.core.tensor.Random;
import org.retain4j.core.tensor.Scope;
import org.retain4j.core.tensor.Tensor;

/** Greedy texts equal the reference; draws depend on the seed alone and keep to their bounds. */
class GeneratorTest {

    private static final Path MODELS = Path.of("src/test/resources/golden/models");
    private static CausalLm stories;

    @BeforeAll
    static void load() throws IOException {
        stories = Pretrained.load(Pretrained.EMBEDDED);
    }

    @AfterAll
    static void close() {
        stories.close();
    }

    @Test
    void theEmbeddedModelTellsItsStory() {
        String text = new Generator(stories, Sampling.greedy()).generate("Once upon a time", 64, 0);
        assertThat(text)
                .startsWith(
                        ", there was a little girl named Lily. She loved to play outside in the"
                                + " park. One day, she saw a big, red ball");
    }

    @ParameterizedTest
    @ValueSource(strings = {"llama", "smollm2"})
    void greedyTokensEqualTheReference(String name) throws IOException {
        JsonNode generation =
                new ObjectMapper()
                        .readTree(MODELS.resolve(name).resolve("expected.json").toFile())
                        .get("generation");
        int compared = 0;
        try (CausalLm model = Pretrained.load(MODELS.resolve(name))) {
            Generator endless = new Generator(model, Sampling.greedy(), OptionalInt.empty());
            for (JsonNode example : generation.get("cases")) {
                if (example.get("repetition_penalty").asDouble() == 1.0) {
                    int[] prompt = ints(example.get("prompt_ids"));
                    assertThat(endless.generate(List.of(prompt), 20, 0).get(0))
                            .isEqualTo(ints(example.get("new_ids")));
                    compared++;
                }
            }
            JsonNode stopping = generation.get("left_padded_batch_with_stop");
            int stop = stopping.get("eos_token_id").asInt();
            Generator stops = new Generator(model, Sampling.greedy(), OptionalInt.of(stop));
            for (int r = 0; r < 2; r++) {
                int[] prompt = unpadded(stopping, r);
                int[] expected = ints(stopping.get("new_ids_padded").get(r));
                int end = 0;
                while (end < expected.length && expected[end] != stop) {
                    end++;
                }
                assertThat(stops.generate(List.of(prompt), 20, 0).get(0))
                        .isEqualTo(Arrays.copyOf(expected, end));
                compared++;
            }
        }
        assertThat(compared).isEqualTo(4);
    }

    private static int[] unpadded(JsonNode batch, int row) {
        int[] ids = ints(batch.get("input_ids").get(row));
        int start = 0;
        while (batch.get("attention_mask").get(row).get(start).asInt() == 0) {
            start++;
        }
        return Arrays.copyOfRange(ids, start, ids.length);
    }

    private static int[] ints(JsonNode array) {
        int[] values = new int[array.size()];
        for (int i = 0; i < values.length; i++) {
            values[i] = array.get(i).asInt();
        }
        return values;
    }

    @Test
    void decodingWithTheCacheEqualsComputingEverythingAgain() {
        List<int[]> prompts = List.of(ids("One day, Tim"), ids("The dog ran "));
        int length = Math.min(prompts.get(0).length, prompts.get(1).length);
        List<int[]> cut = prompts.stream().map(row -> Arrays.copyOf(row, length)).toList();
        List<int[]> cached =
                new Generator(stories, Sampling.greedy(), OptionalInt.empty()).generate(cut, 30, 0);
        for (int r = 0; r < 2; r++) {
            int[] row = cut.get(r);
            for (int i = 0; i < 30; i++) {
                try (Scope scope = Scope.open()) {
                    Tensor scores = stories.logits(TokenBatch.of(row));
                    row = Arrays.copyOf(row, row.length + 1);
                    row[row.length - 1] = (int) scores.select(0, 0).select(0, -1).argmax(0).item();
                }
            }
            assertThat(Arrays.copyOfRange(row, length, row.length)).isEqualTo(cached.get(r));
        }
    }

    private static int[] ids(String text) {
        return stories.tokenizer().encode(text);
    }

    @Test
    void drawsAreRepeatedBySeedAndDoNotDependOnTheOtherRows() {
        Generator generator =
                new Generator(stories, new Sampling(1, 40, 0.95), OptionalInt.empty());
        int[] prompt = ids("Once upon");
        int[] other = Arrays.copyOf(ids("The cat and the dog"), prompt.length);
        List<int[]> alone = generator.generate(List.of(prompt), 25, 5);
        List<int[]> beside = generator.generate(List.of(prompt, other), 25, 5);
        List<int[]> twice = generator.generate(List.of(prompt, prompt), 25, 5);
        assertThat(beside.get(0)).isEqualTo(alone.get(0));
        assertThat(twice.get(0)).isEqualTo(alone.get(0)).isNotEqualTo(twice.get(1));
        assertThat(generator.generate(List.of(prompt), 25, 5).get(0)).isEqualTo(alone.get(0));
        assertThat(generator.generate(List.of(prompt), 25, 6).get(0)).isNotEqualTo(alone.get(0));
        // a shorter request is the start of a longer one
        assertThat(generator.generate(List.of(prompt), 10, 5).get(0))
                .isEqualTo(Arrays.copyOf(alone.get(0), 10));
    }

    @Test
    void aRowStopsAtItsStopTokenAndTheOthersGoOn() {
        List<int[]> prompts =
                List.of(
                        ids("Once upon a"),
                        Arrays.copyOf(ids("Tom had a big red"), ids("Once upon a").length));
        List<int[]> endless =
                new Generator(stories, Sampling.greedy(), OptionalInt.empty())
                        .generate(prompts, 12, 0);
        int stop = endless.get(0)[4];
        List<int[]> stopped =
                new Generator(stories, Sampling.greedy(), OptionalInt.of(stop))
                        .generate(prompts, 12, 0);
        for (int r = 0; r < 2; r++) {
            int end = 0;
            while (end < 12 && endless.get(r)[end] != stop) {
                end++;
            }
            assertThat(stopped.get(r)).isEqualTo(Arrays.copyOf(endless.get(r), end));
        }
        assertThat(stopped.get(0).length).isLessThanOrEqualTo(4);
        assertThat(new Generator(stories, Sampling.greedy()).generate(prompts, 0, 0))
                .allSatisfy(row -> assertThat(row).isEmpty());
    }

    /** Draws from the probabilities 0.4, 0.3, 0.2, 0.1 of the ids 2, 0, 3, 1. */
    private static double[] shares(double temperature, int topK, double topP) {
        return shares(temperature, topK, topP, 0);
    }

    private static double[] shares(double temperature, int topK, double topP, double minP) {
        int draws = 20_000;
        double[] counts = new double[4];
        try (Scope scope = Scope.open()) {
            float[] logits = new float[4 * draws];
            double[] probabilities = {0.3, 0.1, 0.4, 0.2};
            for (int i = 0; i < logits.length; i++) {
                logits[i] = (float) Math.log(probabilities[i % 4]) + 3;
            }
            Tensor uniforms = Random.at(8, 0, "shares").uniform(draws);
            for (long id :
                    Kernels.call(
                                    "sample",
                                    Tensor.of(logits, draws, 4),
                                    Tensor.zeros(DType.BOOL, Device.CPU, 0),
                                    1.0,
                                    temperature,
                                    topK,
                                    topP,
                                    minP,
                                    uniforms)
                            .toLongArray()) {
                counts[(int) id] += 1.0 / draws;
            }
        }
        return counts;
    }

    private static void assertShares(double[] actual, double... expected) {
        for (int i = 0; i < expected.length; i++) {
            if (expected[i] == 0) {
                assertThat(actual[i]).as("id %d", i).isZero();
            } else {
                assertThat(actual[i]).as("id %d", i).isCloseTo(expected[i], within(0.015));
            }
        }
    }

    @Test
    void drawsFollowTheDistributionWithinTopKAndTopP() {
        assertShares(shares(1, 0, 1), 0.3, 0.1, 0.4, 0.2);
        assertShares(shares(1, 4, 1), 0.3, 0.1, 0.4, 0.2);
        assertShares(shares(1, 99, 1), 0.3, 0.1, 0.4, 0.2);
        assertShares(shares(0, 0, 1), 0, 0, 1, 0);
        assertShares(shares(1, 1, 1), 0, 0, 1, 0);
        assertShares(shares(1, 2, 1), 3 / 7.0, 0, 4 / 7.0, 0);
        assertShares(shares(1, 0, 0.39), 0, 0, 1, 0);
        assertShares(shares(1, 0, 0.41), 3 / 7.0, 0, 4 / 7.0, 0);
        assertShares(shares(1, 0, 0.71), 3 / 9.0, 0, 4 / 9.0, 2 / 9.0);
        assertShares(shares(1, 0, 1e-9), 0, 0, 1, 0);
        // 0.4 is more than half of the 0.7 that top_k leaves, though not of the whole
        assertShares(shares(1, 2, 0.5), 0, 0, 1, 0);
        // p^2, normalised
        assertShares(shares(0.5, 0, 1), 9 / 30.0, 1 / 30.0, 16 / 30.0, 4 / 30.0);
        assertShares(shares(1e9, 0, 1), 0.25, 0.25, 0.25, 0.25);
        // tokens below half, or three quarters, of the best one's probability
        assertShares(shares(1, 0, 1, 0.51), 3 / 7.0, 0, 4 / 7.0, 0);
        assertShares(shares(1, 0, 1, 0.49), 3 / 9.0, 0, 4 / 9.0, 2 / 9.0);
        assertShares(shares(1, 0, 1, 1), 0, 0, 1, 0);
        assertShares(shares(1, 0, 0.41, 0.1), 3 / 7.0, 0, 4 / 7.0, 0);
    }

    @Test
    void settingsAndLengthsOutOfRangeAreRefused() {
        for (Runnable wrong :
                List.<Runnable>of(
                        () -> new Sampling(-1, 0, 1),
                        () -> new Sampling(Double.NaN, 0, 1),
                        () -> new Sampling(Double.POSITIVE_INFINITY, 0, 1),
                        () -> new Sampling(1, -1, 1),
                        () -> new Sampling(1, 0, 0),
                        () -> new Sampling(1, 0, 1.1),
                        () -> new Sampling(1, 0, Double.NaN),
                        () -> new Sampling(1, 0, 1, -0.1, 1),
                        () -> new Sampling(1, 0, 1, 1.1, 1),
                        () -> new Sampling(1, 0, 1, Double.NaN, 1),
                        () -> new Sampling(1, 0, 1, 0, 0),
                        () -> new Sampling(1, 0, 1, 0, Double.NaN),
                        () -> GenerationConfig.of(3).withStopStrings(List.of("")))) {
            assertThatThrownBy(wrong::run).isInstanceOf(IllegalArgumentException.class);
        }
        Generator generator = new Generator(stories, Sampling.greedy());
        List<int[]> prompt = List.of(ids("Once"));
        int room = stories.spec().maxPositions() - prompt.get(0).length;
        for (int wrong : new int[] {-1, room + 1, Integer.MAX_VALUE, Integer.MIN_VALUE}) {
            assertThatThrownBy(() -> generator.generate(prompt, wrong, 0))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("" + wrong)
                    .hasMessageMatching(".*max_(position_embeddings|new_tokens).*");
        }
        for (List<int[]> wrong :
                List.of(
                        List.<int[]>of(),
                        List.of(new int[0]),
                        List.of(new int[] {512}),
                        List.of(new int[] {-1}))) {
            assertThatThrownBy(() -> generator.generate(wrong, 1, 0))
                    .isInstanceOf(IllegalArgumentException.class);
        }
    }

    @Test
    void generatingHoldsNothingEvenWhileRecording() {
        Generator generator = new Generator(stories, Sampling.temperature(0.8));
        List<Long> counts = new ArrayList<>();
        long before = Scope.liveTensors();
        for (int i = 0; i < 5; i++) {
            generator.generate("Once upon a time", 20, i);
            counts.add(Scope.liveTensors());
        }
        assertThat(counts).containsOnly(before);
        try (Scope scope = Scope.open();
                Autograd.Mode mode = Autograd.enableGrad()) {
            stories.parameters().forEach(p -> p.value().requiresGrad(true));
            generator.generate("Once upon a time", 20, 0);
            assertThat(Scope.liveTensors()).isEqualTo(before);
            assertThat(scope.size()).isZero();
        } finally {
            try (Scope scope = Scope.open()) {
                stories.parameters().forEach(p -> p.value().requiresGrad(false));
            }
        }
    }
}
