package org.retain4j.core.generate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.retain4j.core.model.CausalLm;
import org.retain4j.core.model.ModelConfig;
import org.retain4j.core.model.Pretrained;
import org.retain4j.core.tensor.Device;
import org.retain4j.core.tensor.Precision;

/** Rows of different lengths, stop strings, streaming and listeners, on the embedded model. */
class GenerationTest {

    private static final String START = "Once upon a time";
    private static CausalLm stories;

    @BeforeAll
    static void load() throws IOException {
        stories = Pretrained.load(Pretrained.EMBEDDED);
    }

    @AfterAll
    static void close() {
        stories.close();
    }

    private static int[] ids(String text) {
        return stories.tokenizer().encode(text);
    }

    private static Generation greedy(String prompt, GenerationConfig config) {
        return new Generator(stories, Sampling.greedy()).run(List.of(ids(prompt)), config).get(0);
    }

    @Test
    void rowsOfDifferentLengthsComeOutAsAlone() {
        List<int[]> prompts =
                List.of(ids("One"), ids("The dog ran to the park and"), ids("Lily was"));
        for (Sampling sampling :
                List.of(
                        Sampling.greedy(),
                        Sampling.greedy().withRepetitionPenalty(1.3),
                        new Sampling(0.9, 50, 0.95).withMinP(0.02))) {
            GenerationConfig config =
                    GenerationConfig.of(40).withSampling(sampling).withSeed(11).withFirstRow(4);
            Generator generator = new Generator(stories, Sampling.greedy());
            List<Generation> together = generator.run(prompts, config);
            for (int r = 0; r < prompts.size(); r++) {
                Generation alone =
                        generator.run(List.of(prompts.get(r)), config.withFirstRow(4 + r)).get(0);
                assertThat(together.get(r).ids()).isEqualTo(alone.ids());
                assertThat(together.get(r).text()).isEqualTo(alone.text());
            }
        }
    }

    @Test
    void textContinuesThePromptWithItsSpaces() {
        Generation found = greedy(START, GenerationConfig.of(30));
        int[] all = Arrays.copyOf(ids(START), ids(START).length + 30);
        System.arraycopy(found.ids(), 0, all, ids(START).length, 30);
        assertThat(START + found.text()).isEqualTo(stories.tokenizer().decode(all, true));
        assertThat(found.reason()).isEqualTo(StopReason.LENGTH);
        assertThat(greedy("Once upon a", GenerationConfig.of(3)).text()).startsWith(" time");
    }

    @Test
    void aStopStringEndsARowEvenAcrossTokens() {
        String whole = greedy(START, GenerationConfig.of(60)).text();
        String stop = whole.substring(25, 34);
        GenerationConfig config =
                GenerationConfig.of(60).withStopStrings(List.of("never said", stop));
        StringBuilder streamed = new StringBuilder();
        Generation found =
                new Generator(stories, Sampling.greedy())
                        .run(
                                List.of(ids(START)),
                                config,
                                (row, id, text) -> {
                                    streamed.append(text);
                                    return true;
                                })
                        .get(0);
        assertThat(found.reason()).isEqualTo(StopReason.STOP);
        assertThat(found.text()).isEqualTo(whole.substring(0, whole.indexOf(stop)));
        assertThat(streamed).hasToString(found.text());
        assertThat(found.ids()).hasSizeLessThan(60);
    }

    @Test
    void aBeginningOfAStopStringThatDoesNotGoOnIsGivenOut() {
        String whole = greedy(START, GenerationConfig.of(60)).text();
        for (int length : new int[] {1, 2, 7}) {
            String nearly = whole.substring(30, 30 + length) + "\u0001";
            GenerationConfig config = GenerationConfig.of(60).withStopStrings(List.of(nearly));
            Generation found = greedy(START, config);
            assertThat(found.text()).isEqualTo(whole);
            assertThat(found.reason()).isEqualTo(StopReason.LENGTH);
        }
        String end = whole.substring(whole.length() - 3);
        GenerationConfig config = GenerationConfig.of(60).withStopStrings(List.of(end + "x"));
        assertThat(greedy(START, config).text()).isEqualTo(whole);
    }

    @Test
    void theListenerSeesAllTextAndEveryTokenOfEveryRow() {
        List<int[]> prompts = List.of(ids("One day"), ids("The big red ball was"));
        List<StringBuilder> texts = List.of(new StringBuilder(), new StringBuilder());
        List<List<Integer>> tokens = List.of(new ArrayList<>(), new ArrayList<>());
        List<Generation> found =
                new Generator(stories, Sampling.greedy())
                        .run(
                                prompts,
                                GenerationConfig.of(50),
                                (row, id, text) -> {
                                    texts.get(row).append(text);
                                    tokens.get(row).add(id);
                                    return true;
                                });
        for (int r = 0; r < 2; r++) {
            assertThat(texts.get(r)).hasToString(found.get(r).text());
            assertThat(tokens.get(r)).isEqualTo(Arrays.stream(found.get(r).ids()).boxed().toList());
        }
    }

    @Test
    void theListenerCanEndIt() {
        List<Generation> found =
                new Generator(stories, Sampling.greedy())
                        .run(
                                List.of(ids(START), ids("One")),
                                GenerationConfig.of(50),
                                (row, id, text) -> !(row == 1 && text.contains(" ")));
        assertThat(found).extracting(Generation::reason).containsOnly(StopReason.CANCELLED);
        assertThat(found).allSatisfy(g -> assertThat(g.ids()).hasSizeBetween(1, 49));
    }

    @Test
    void theStopTokenIsKeptInIdsAndEndsItsRow() {
        int[] whole = greedy(START, GenerationConfig.of(30)).ids();
        int stop = whole[7];
        int first = Arrays.stream(whole).boxed().toList().indexOf(stop);
        Generation found = greedy(START, GenerationConfig.of(30).withStopIds(Set.of(stop, 9999)));
        assertThat(found.ids()).isEqualTo(Arrays.copyOf(whole, first + 1));
        assertThat(found.reason()).isEqualTo(StopReason.EOS);
    }

    @Test
    void aModelWithoutATokenizerGeneratesIdsButRefusesStopStrings() throws IOException {
        ModelConfig config =
                ModelConfig.parse(
                        "test",
                        "{\"model_type\":\"llama\",\"vocab_size\":32,\"hidden_size\":8,"
                                + "\"intermediate_size\":8,\"num_hidden_layers\":1,"
                                + "\"num_attention_heads\":2}");
        try (CausalLm model = CausalLm.random(config, 1, Device.CPU, Precision.F32)) {
            Generator generator =
                    new Generator(model, Sampling.greedy(), java.util.OptionalInt.empty());
            Generation found =
                    generator.run(List.of(new int[] {1, 2}), GenerationConfig.of(5)).get(0);
            assertThat(found.ids()).hasSize(5);
            assertThat(found.text()).isEmpty();
            assertThatThrownBy(
                            () ->
                                    generator.run(
                                            List.of(new int[] {1}),
                                            GenerationConfig.of(5).withStopStrings(List.of("a"))))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("tokenizer");
        }
    }
}
