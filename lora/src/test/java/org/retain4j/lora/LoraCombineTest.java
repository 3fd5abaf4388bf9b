package org.retain4j.lora;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.retain4j.core.io.SafetensorsFile;
import org.retain4j.core.model.CausalLm;
import org.retain4j.core.model.TokenBatch;
import org.retain4j.core.tensor.Scope;
import org.retain4j.core.tensor.Tensor;

class LoraCombineTest {

    private static final Path WEIGHTED = Golden.LORA.resolve("weighted");

    @TempDir Path folder;

    @Test
    void aCombinationKeepsTheOrientationOfTheLayers() throws IOException {
        Path gpt2 = Golden.LORA.resolve("gpt2_c_attn");
        LoraCombine.as(LoraCombine.Type.CAT).add(gpt2, 0.5).add(gpt2, 0.5).run(folder);
        assertThat(Files.readString(folder.resolve(ConfigFile.NAME)))
                .contains("\"fan_in_fan_out\": true");
        TokenBatch row = Golden.row0(Golden.json(gpt2));
        try (CausalLm model = Golden.base(gpt2);
                CausalLm other = Golden.base(gpt2);
                Scope scope = Scope.open();
                Lora once = Lora.load(model, gpt2);
                Lora twice = Lora.load(other, folder)) {
            Golden.assertClose(other.logits(row), model.logits(row), 1e-4);
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "linear",
                "linear_negative",
                "cat",
                "svd",
                "svd_rank_small",
                "ties",
                "ties_frequency",
                "ties_svd",
                "magnitude_prune",
                "magnitude_prune_svd"
            })
    void combinationsOfPeft(String name) throws IOException {
        JsonNode all = Golden.json(WEIGHTED);
        JsonNode combo = all.path("combos").path(name);
        LoraCombine combine =
                LoraCombine.as(LoraCombine.Type.parse(combo.path("combination_type").asText()))
                        .add(WEIGHTED.resolve("a"), combo.path("weights").get(0).doubleValue())
                        .add(WEIGHTED.resolve("b"), combo.path("weights").get(1).doubleValue());
        if (combo.has("svd_rank")) {
            combine = combine.svdRank(combo.path("svd_rank").intValue());
        }
        if (combo.has("density")) {
            combine = combine.density(combo.path("density").doubleValue());
        }
        if (combo.path("majority_sign_method").asText().equals("frequency")) {
            combine = combine.majorityByFrequency();
        }
        assertThat(combine.run(folder)).isEqualTo(combo.path("rank").intValue());
        try (SafetensorsFile arrays =
                        SafetensorsFile.open(WEIGHTED.resolve("expected.safetensors"));
                StoredAdapter stored = StoredAdapter.open(folder);
                CausalLm model = Golden.llama();
                Scope scope = Scope.open();
                Lora lora = Lora.load(model, folder)) {
            for (String module : stored.modules().keySet()) {
                Tensor expected = Golden.read(arrays, name + "/" + module);
                Golden.assertClose(stored.delta(module), expected, 2e-5);
            }
            TokenBatch row = Golden.row0(all);
            Tensor last = model.logits(row).select(0, 0).select(0, row.tokens() - 1);
            Golden.assertClose(last, Golden.read(arrays, "logits_last/" + name), 2e-4);
        }
    }

    @ParameterizedTest
    @EnumSource(
            value = LoraCombine.Type.class,
            names = {"DARE_LINEAR", "DARE_TIES", "DARE_LINEAR_SVD", "DARE_TIES_SVD"})
    void randomCombinationsDependOnTheSeedAlone(LoraCombine.Type type) throws IOException {
        LoraCombine combine =
                LoraCombine.as(type)
                        .add(WEIGHTED.resolve("a"), 0.7)
                        .add(WEIGHTED.resolve("b"), 0.3)
                        .density(0.5);
        combine.seed(1).run(folder.resolve("one"));
        combine.seed(1).run(folder.resolve("same"));
        combine.seed(2).run(folder.resolve("other"));
        combine.density(1).run(folder.resolve("whole"));
        byte[] one = bytes("one");
        assertThat(bytes("same")).isEqualTo(one);
        assertThat(bytes("other")).isNotEqualTo(one);
        LoraCombine.Type plain =
                LoraCombine.Type.parse(
                        switch (type) {
                            case DARE_LINEAR -> "linear";
                            case DARE_LINEAR_SVD -> "svd";
                            case DARE_TIES -> "ties";
                            default -> "ties_svd";
                        });
        LoraCombine.as(plain)
                .add(WEIGHTED.resolve("a"), 0.7)
                .add(WEIGHTED.resolve("b"), 0.3)
                .run(folder.resolve("plain"));
        assertThat(bytes("whole")).isEqualTo(bytes("plain"));
    }

    private byte[] bytes(String name) throws IOException {
        return Files.readAllBytes(folder.resolve(name).resolve(StoredAdapter.WEIGHTS));
    }

    @Test
    void mistakesAreNamed() {
        LoraCombine cat = LoraCombine.as(LoraCombine.Type.CAT);
        assertThatThrownBy(() -> cat.run(folder))
                .isInstanceOf(LoraException.class)
                .hasMessageContaining("at least one");
        assertThatThrownBy(
                        () ->
                                cat.add(WEIGHTED.resolve("a"), 1)
                                        .add(Golden.LORA.resolve("dora"), 1)
                                        .run(folder))
                .isInstanceOf(LoraException.class)
                .hasMessageContainingAll("dora", "cannot be combined");
        assertThatThrownBy(
                        () ->
                                cat.add(WEIGHTED.resolve("a"), 1)
                                        .add(Golden.LORA.resolve("layers_to_transform"), 1)
                                        .run(folder))
                .isInstanceOf(LoraException.class)
                .hasMessageContaining("different models");
        assertThatThrownBy(
                        () ->
                                LoraCombine.as(LoraCombine.Type.LINEAR)
                                        .add(WEIGHTED.resolve("a"), 1)
                                        .add(Golden.LORA.resolve("all_linear"), 1)
                                        .run(folder))
                .isInstanceOf(LoraException.class)
                .hasMessageContainingAll("one rank", "8", "4");
        assertThatThrownBy(() -> LoraCombine.Type.parse("median"))
                .hasMessageContainingAll("median", "magnitude_prune_svd");
        assertThatThrownBy(() -> cat.density(0)).hasMessageContaining("density");
        assertThatThrownBy(() -> cat.svdRank(0)).hasMessageContaining("svd_rank");
        assertThatThrownBy(() -> cat.add(folder, Double.NaN)).hasMessageContaining("NaN");
    }
}
