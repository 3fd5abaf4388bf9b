package org.retain4j.merging;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MergeTest {

    private static final String DARE =
            """
            merge_method: dare_ties
            base_model: base
            models:
            - {model: ft_a, parameters: {weight: 0.5, density: 0.5}}
            - {model: ft_b, parameters: {weight: 0.5, density: 0.4}}
            seed: 3
            """;

    @TempDir Path folder = Path.of("");

    private static Merge golden(String plan) throws MergeException {
        return Merge.of(MergePlan.parse("plan", plan)).root(Fixtures.golden().resolve("models"));
    }

    @Test
    void resultsDoNotDependOnShards() throws IOException {
        Path one = folder.resolve("one");
        Path many = folder.resolve("many");
        golden(DARE).run(one);
        golden(DARE).maxShardBytes(5000).run(many);
        assertThat(many.resolve("model.safetensors.index.json")).exists();
        try (Weights a = Weights.ofModel(one);
                Weights b = Weights.ofModel(many)) {
            assertThat(ModelFolder.hashOfTensors(a)).isEqualTo(ModelFolder.hashOfTensors(b));
        }
        Merge.verify(many);
    }

    @Test
    void verifyingFindsOtherWeights() throws IOException {
        Path out = folder.resolve("out");
        golden(DARE).run(out);
        Path weights = out.resolve("model.safetensors");
        byte[] bytes = Files.readAllBytes(weights);
        bytes[bytes.length - 1] ^= 1;
        Files.write(weights, bytes);
        assertThatThrownBy(() -> Merge.verify(out))
                .isInstanceOf(MergeException.class)
                .hasMessageContaining("other weights");
        assertThatThrownBy(() -> Merge.verify(folder))
                .isInstanceOf(MergeException.class)
                .hasMessageContaining("missing");
    }

    @Test
    void tensorsAfterTheLayersHaveTheLastValueOfAGradient() throws IOException {
        String plan =
                """
                merge_method: slerp
                base_model: base
                models: [{model: base}, {model: ft_a}]
                parameters: {t: [0, 1]}
                """;
        Path ends = folder.resolve("ends");
        Path start = folder.resolve("start");
        golden(plan).run(ends);
        golden(plan + "outer: start\n").run(start);
        String norm = "model.norm.weight";
        Path models = Fixtures.golden().resolve("models");
        assertThat(Fixtures.read(ends, norm))
                .containsExactly(Fixtures.read(models.resolve("ft_a"), norm), within(1e-6f));
        assertThat(Fixtures.read(start, norm))
                .containsExactly(Fixtures.read(models.resolve("base"), norm), within(1e-6f));
    }

    @Test
    void mergesTheRowsThatAllModelsHaveAndATiedHead() throws IOException {
        Map<String, float[]> small = new LinkedHashMap<>();
        small.put("model.embed_tokens.weight", new float[] {1, 2, 3, 4});
        Map<String, float[]> large = new LinkedHashMap<>();
        large.put("model.embed_tokens.weight", new float[] {3, 4, 5, 6, 7, 8});
        large.put("lm_head.weight", new float[] {5, 5, 5, 5, 5, 5});
        Fixtures.model(folder.resolve("small"), small);
        Fixtures.model(folder.resolve("large"), large);
        MergePlan plan =
                MergePlan.parse(
                        "plan",
                        """
                        merge_method: linear
                        models:
                        - {model: small, parameters: {weight: 1}}
                        - {model: large, parameters: {weight: 1}}
                        """);
        Path out = folder.resolve("out");
        List<String> warnings = Merge.of(plan).root(folder).run(out);
        assertThat(Fixtures.read(out, "model.embed_tokens.weight")).containsExactly(2, 3, 4, 5);
        assertThat(Fixtures.read(out, "lm_head.weight")).containsExactly(3, 3.5f, 4, 4.5f);
        assertThat(warnings).hasSize(2).allMatch(text -> text.contains("rows"));
        assertThat(Files.readString(out.resolve("config.json")))
                .contains("\"vocab_size\" : 2", "\"tie_word_embeddings\" : false");
    }

    @Test
    void refusesOtherShapesAndLeavesNothing() throws IOException {
        Fixtures.model(folder.resolve("a"), Map.of("model.norm.weight", new float[3]));
        Fixtures.model(folder.resolve("b"), Map.of("model.norm.weight", new float[4]));
        MergePlan plan =
                MergePlan.parse(
                        "plan", "merge_method: karcher\nmodels: [{model: a}, {model: b}]\n");
        Path out = folder.resolve("out");
        assertThatThrownBy(() -> Merge.of(plan).root(folder).run(out))
                .isInstanceOf(MergeException.class)
                .hasMessageContaining("shape");
        assertThat(out).doesNotExist();
        assertThatThrownBy(() -> Merge.of(plan).root(folder).run(folder.resolve("a")))
                .isInstanceOf(MergeException.class)
                .hasMessageContaining("choose another target");
    }

    @Test
    void continuesAfterAnInterruptionWithoutFinishedShards() throws IOException {
        Path straight = folder.resolve("straight");
        golden(DARE).maxShardBytes(5000).run(straight);
        Path out = folder.resolve("out");
        long[] done = new long[2];
        Merge merge = golden(DARE).maxShardBytes(5000);
        assertThatThrownBy(
                        () ->
                                merge.progress(
                                                (at, total) -> {
                                                    done[0] = at;
                                                    if (at > total / 2) {
                                                        throw new IllegalStateException("stop");
                                                    }
                                                })
                                        .run(out))
                .hasMessage("stop");
        assertThat(out.resolve("model.safetensors.index.json")).doesNotExist();
        merge.progress((at, total) -> done[1] = done[1] == 0 ? at : done[1]).run(out);
        assertThat(done[1]).isPositive();
        Merge.verify(out);
        try (Weights a = Weights.ofModel(straight);
                Weights b = Weights.ofModel(out)) {
            assertThat(ModelFolder.hashOfTensors(a)).isEqualTo(ModelFolder.hashOfTensors(b));
        }
        try (var files = Files.list(out)) {
            assertThat(files).noneMatch(file -> file.getFileName().toString().startsWith("."));
        }
    }
}
