package org.retain4j.replay.generation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.retain4j.core.generate.Sampling;
import org.retain4j.core.model.CausalLm;
import org.retain4j.core.model.Pretrained;
import org.retain4j.core.model.TokenBatch;
import org.retain4j.core.model.VocabularyExtension;
import org.retain4j.core.tensor.Scope;
import org.retain4j.core.text.ChatTemplate;

/** The generators on the embedded model: what they write, keep on disk and report. */
class GeneratorsTest {

    private static final String CHAT =
            "{% for m in messages %}{% if m.role == 'user' %}Once {{ m.content }}."
                    + "{% endif %}{% endfor %}{% if add_generation_prompt %} One day{% endif %}";

    private static CausalLm model;

    @BeforeAll
    static void load() throws IOException {
        model = Pretrained.load("embedded:stories260K");
    }

    @AfterAll
    static void close() {
        model.close();
    }

    private static ChatTemplate template(String source) throws IOException {
        return ChatTemplate.of(source, Map.of());
    }

    @Test
    void thePartBeforeTheMessageIsThatOfTheTemplate() throws IOException {
        PreQueryTemplate query = PreQueryTemplate.of(template(CHAT), model.tokenizer(), null);
        assertThat(query.ids()).isEqualTo(model.tokenizer().encode("Once ", false));
        assertThat(query.stopStrings()).containsExactly(". One day");
        assertThatThrownBy(
                        () ->
                                PreQueryTemplate.of(
                                        template("{{ messages[0].content | upper }}"),
                                        model.tokenizer(),
                                        null))
                .hasMessageContaining("as it is");
        assertThatThrownBy(
                        () ->
                                PreQueryTemplate.of(
                                        template("{{ messages[0].content }}"),
                                        model.tokenizer(),
                                        null))
                .hasMessageContaining("nothing before");
    }

    private static Magpie magpie() {
        return new Magpie(7, Sampling.temperature(1), 1.2, 40, 12, null, true, 3, 5);
    }

    private static Written write(GenerationCache cache) throws IOException {
        return magpie().write(model, template(CHAT), List.of(), cache, done -> {});
    }

    @Test
    void aRoundGoesOnWhereItWasInterrupted(@TempDir Path folder) throws IOException {
        Written whole = write(GenerationCache.none());
        GenerationCache first = GenerationCache.in(folder);
        assertThat(write(first)).isEqualTo(whole);
        assertThat(whole.funnel().written()).isEqualTo(7);
        long batches = first.batchesWritten();
        assertThat(batches).isGreaterThanOrEqualTo(6);
        try (Stream<Path> files = Files.list(folder)) {
            List<Path> all = files.sorted().toList();
            assertThat(all).hasSize((int) batches);
            Files.delete(all.get(0));
            Files.writeString(all.get(1), "[{\"ids\": [1");
        }
        GenerationCache second = GenerationCache.in(folder);
        assertThat(write(second)).isEqualTo(whole);
        assertThat(second.batchesWritten()).isEqualTo(2);
        assertThat(second.batchesRead()).isEqualTo(batches - 2);
        for (PseudoExample example : whole.examples()) {
            assertThat(example.provenance().get("seed")).isEqualTo(5L);
            assertThat(example.provenance().get("model")).isEqualTo(GenerationCache.hash(model));
        }
    }

    @Test
    void otherWeightsHaveAnotherHash() {
        try (CausalLm copy = model.copy();
                Scope scope = Scope.open()) {
            assertThat(GenerationCache.hash(copy)).isEqualTo(GenerationCache.hash(model));
            copy.parameters().get(0).value().mulInPlace(1.01);
            assertThat(GenerationCache.hash(copy)).isNotEqualTo(GenerationCache.hash(model));
        }
    }

    @Test
    void thePerplexityIsThatOfTheTokensOfThePrompt() throws IOException {
        String story = "Once upon a time there was a little girl. She had a dog.";
        String noise = "xq vz grmbl kkk ttt zzq wx";
        double[] scores = model.tokenLogProbs(TokenBatch.of(model.tokenizer().encode(story)))[0];
        double mean = Arrays.stream(scores).sum() / (scores.length - 1);
        double perplexity = ExampleFilters.perplexity(model, story);
        assertThat(perplexity).isCloseTo(Math.exp(-mean), Offset.offset(1e-9));
        ExampleFilter filter = ExampleFilters.perplexity(model, 1, 2 * perplexity);
        List<PseudoExample> kept =
                filter.keep(
                        List.of(
                                new PseudoExample(story, "", "a", Map.of()),
                                new PseudoExample(noise, "", "a", Map.of())));
        assertThat(kept).hasSize(1);
        assertThat(kept.get(0).prompt()).isEqualTo(story);
    }

    @Test
    void oldDataOfAKindComesFromAFewExamples() throws IOException {
        SelfSynthesizedRehearsal ssr =
                new SelfSynthesizedRehearsal(
                        4, 1, Sampling.temperature(1), 2, 3, 100, 60, 20, 4, 1);
        List<SelfSynthesizedRehearsal.Seed> seeds =
                List.of(
                        new SelfSynthesizedRehearsal.Seed("", "a dog", "It ran."),
                        new SelfSynthesizedRehearsal.Seed("", "a cat", "It sat."));
        Written written =
                ssr.write(
                        model,
                        model,
                        seeds,
                        seed -> model.tokenizer().encode(seed.input()),
                        List.of(),
                        GenerationCache.none(),
                        done -> {});
        assertThat(written.funnel().stages().stream().map(Funnel.Stage::name))
                .containsExactly("one pair", "fits", "answered", "clusters");
        assertThat(written.funnel().written()).isEqualTo(4);
        assertThat(written.examples()).hasSize(written.funnel().kept());
        assertThatThrownBy(
                        () ->
                                ssr.write(
                                        model,
                                        model,
                                        List.of(),
                                        seed -> new int[] {1},
                                        List.of(),
                                        GenerationCache.none(),
                                        done -> {}))
                .hasMessageContaining("there are none");
    }

    @Test
    void lamolWritesFromTheStartTokensOfEarlierTasks() throws IOException {
        List<String> tokens =
                List.of(LamolFormat.ANSWER, LamolFormat.start("a"), LamolFormat.start("b"));
        try (CausalLm extended = VocabularyExtension.extend(model, tokens, 1)) {
            assertThat(extended.spec().vocabularySize())
                    .isEqualTo(model.spec().vocabularySize() + 3);
            LamolFormat format = LamolFormat.of(extended.tokenizer(), List.of("a", "b"));
            int[] ids = extended.tokenizer().encode("Once__ans__upon__b__", false);
            assertThat(ids).contains(format.answer(), format.starts().get(1));
            Lamol.Samples samples =
                    new Lamol(0.5, 20, 24, 4, 3)
                            .write(extended, format, 9, 2, GenerationCache.none(), done -> {});
            assertThat(samples.yields().stream().mapToInt(Lamol.Yield::written).sum()).isEqualTo(4);
            assertThat(samples.samples())
                    .hasSize(samples.yields().stream().mapToInt(Lamol.Yield::kept).sum());

            // old tokens keep their scores
            int[] text = model.tokenizer().encode("Once upon a time there was a dog");
            var batch = TokenBatch.of(text);
            try (var scope = Scope.open()) {
                int old = model.spec().vocabularySize();
                float[] before = model.logits(batch).select(0, 0).toFloatArray();
                float[] after =
                        extended.logits(batch)
                                .select(0, 0)
                                .narrow(1, 0, old)
                                .contiguous()
                                .toFloatArray();
                assertThat(after).containsExactly(before, Offset.offset(1e-5f));
            }
            try (CausalLm again = VocabularyExtension.extend(extended, tokens, 1)) {
                assertThat(again.spec().vocabularySize())
                        .isEqualTo(extended.spec().vocabularySize());
            }
        }
    }

    @Test
    void anExtendedModelIsAFolderAsAnyOther(@TempDir Path folder) throws IOException {
        try (CausalLm extended = VocabularyExtension.extend(model, List.of("__x__"), 1)) {
            extended.save(folder);
            try (CausalLm loaded = Pretrained.load(folder)) {
                assertThat(loaded.tokenizer().tokenToId("__x__"))
                        .isEqualTo(extended.tokenizer().tokenToId("__x__"));
                List<float[]> own = new ArrayList<>();
                extended.parameters().forEach(p -> own.add(p.value().toFloatArray()));
                for (int p = 0; p < own.size(); p++) {
                    float[] read = loaded.parameters().get(p).value().toFloatArray();
                    assertThat(Arrays.equals(read, own.get(p))).isTrue();
                }
            }
        }
    }
}
