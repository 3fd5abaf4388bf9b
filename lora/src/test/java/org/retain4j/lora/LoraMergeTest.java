package org.retain4j.lora;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.retain4j.core.io.SafetensorsFile;
import org.retain4j.core.model.CausalLm;
import org.retain4j.core.model.Pretrained;
import org.retain4j.core.model.TokenBatch;
import org.retain4j.core.tensor.DType;
import org.retain4j.core.tensor.Scope;
import org.retain4j.core.tensor.Tensor;

class LoraMergeTest {

    @TempDir Path folder;

    @ParameterizedTest
    @ValueSource(
            strings = {
                "all_linear",
                "bias_lora_only",
                "dora",
                "embedding",
                "fused_phi3",
                "gpt2_c_attn",
                "layers_to_transform",
                "modules_to_save",
                "plain",
                "rank_alpha_pattern",
                "regex_target",
                "rslora"
            })
    void goldenAdaptersAreMergedAsByPeft(String name) throws IOException {
        Path golden = Golden.LORA.resolve(name);
        JsonNode expected = Golden.json(golden);
        LoraMerge.of(Golden.basePath(golden), golden).run(folder);
        try (CausalLm merged = Pretrained.load(folder);
                SafetensorsFile arrays =
                        SafetensorsFile.open(golden.resolve("expected.safetensors"));
                Scope scope = Scope.open()) {
            Golden.assertClose(
                    merged.logits(Golden.row0(expected)),
                    Golden.read(arrays, "logits_merged.row0"),
                    1e-4);
            Map<String, JsonNode> changed = new TreeMap<>();
            expected.path("merged_tensors_that_changed")
                    .properties()
                    .forEach(e -> changed.put(e.getKey(), e.getValue()));
            try (CausalLm base = Golden.base(golden)) {
                for (var parameter : base.parameters()) {
                    Tensor value = merged.parameter(parameter.name()).value();
                    JsonNode own = changed.get(parameter.name());
                    if (own == null) {
                        assertThat(value.toFloatArray())
                                .containsExactly(parameter.value().toFloatArray());
                    } else {
                        double norm = own.path("l2").doubleValue();
                        assertThat(value.norm().item()).isCloseTo(norm, within(1e-5 * norm));
                    }
                }
            }
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "tokens",
                "tokens_tied",
                "bias_all",
                "dora_gpt2",
                "dora_embedding",
                "dora_bias",
                "save_embed_norm",
                "head",
                "head_tied",
                "embed_tied",
                "gpt2_wpe"
            })
    void otherKindsKeepTheirLogitsAlsoWhereAHeadWasTied(String name) throws IOException {
        Path golden = Golden.PEFT.resolve(name);
        LoraMerge.of(Golden.basePath(golden), golden).run(folder);
        TokenBatch row = Golden.row0(Golden.json(golden));
        try (CausalLm merged = Pretrained.load(folder);
                CausalLm model = Golden.base(golden);
                Scope scope = Scope.open();
                Lora lora = Lora.load(model, golden)) {
            Golden.assertClose(merged.logits(row), model.logits(row), 5e-4);
            boolean apart = name.endsWith("_tied") && !name.startsWith("tokens");
            apart |= name.equals("save_embed_norm") || name.equals("gpt2_wpe");
            assertThat(merged.spec().tiedHead()).isEqualTo(model.spec().tiedHead() && !apart);
        }
    }

    @Test
    void halfPrecisionIsRoundedOnce() throws IOException {
        Path golden = Golden.LORA.resolve("plain");
        Path base = Golden.MODELS.resolve("llama-bf16");
        LoraMerge.of(base, golden).anyBase().maxShardBytes(50_000).run(folder.resolve("bf16"));
        LoraMerge.of(base, golden).anyBase().type(DType.FLOAT32).run(folder.resolve("f32"));
        try (CausalLm half = Pretrained.load(folder.resolve("bf16"));
                CausalLm single = Pretrained.load(folder.resolve("f32"));
                CausalLm model = Pretrained.load(base);
                Scope scope = Scope.open();
                Lora lora = Lora.load(model, golden)) {
            lora.merge();
            for (var slot : model.slots()) {
                Tensor exact = slot.current().value();
                Golden.assertClose(single.parameter(slot.name()).value(), exact, 1e-6);
                Tensor rounded =
                        single.parameter(slot.name()).value().to(DType.BFLOAT16).to(DType.FLOAT32);
                assertThat(half.parameter(slot.name()).value().toFloatArray())
                        .containsExactly(rounded.toFloatArray());
            }
        }
        assertThat(Files.readString(folder.resolve("f32").resolve("config.json")))
                .contains("float32");
    }

    @Test
    void aShareOfMinusOneTakesTheAdapterOutAgain() throws IOException {
        Path golden = Golden.LORA.resolve("all_linear");
        Path base = Golden.basePath(golden);
        LoraMerge.of(base, golden).run(folder.resolve("with"));
        LoraMerge.of(folder.resolve("with"), golden)
                .share(-1)
                .anyBase()
                .run(folder.resolve("without"));
        try (CausalLm before = Pretrained.load(base);
                CausalLm after = Pretrained.load(folder.resolve("without"))) {
            for (var parameter : before.parameters()) {
                Golden.assertCloseInScope(after.parameter(parameter.name()), parameter, 1e-5);
            }
        }
        assertThatThrownBy(
                        () ->
                                LoraMerge.of(base, Golden.LORA.resolve("dora"))
                                        .share(0.5)
                                        .run(folder.resolve("no")))
                .isInstanceOf(LoraException.class)
                .hasMessageContaining("share 0.5");
    }

    @Test
    void theWrongBaseIsRefusedByNameAndByShape() {
        Path golden = Golden.LORA.resolve("plain");
        assertThatThrownBy(() -> LoraMerge.of(Golden.MODELS.resolve("mistral"), golden).run(folder))
                .isInstanceOf(LoraException.class)
                .hasMessageContainingAll("models/llama", "mistral", "allow any base");
        assertThatThrownBy(
                        () ->
                                AdapterInfo.read(golden)
                                        .requireBase(Golden.MODELS.resolve("mistral")))
                .isInstanceOf(LoraException.class)
                .hasMessageContaining("was made for ../../models/llama");
        assertThatCode(() -> AdapterInfo.read(golden).requireBase(Golden.MODELS.resolve("llama")))
                .doesNotThrowAnyException();
        assertThatThrownBy(
                        () ->
                                LoraMerge.of(Golden.MODELS.resolve("smollm2"), golden)
                                        .anyBase()
                                        .run(folder))
                .isInstanceOf(LoraException.class)
                .hasMessageContainingAll("v_proj", "[24, 48]", "[16, 48]", "another model");
        assertThatThrownBy(
                        () ->
                                LoraMerge.of(Golden.MODELS.resolve("gpt2"), golden)
                                        .anyBase()
                                        .run(folder))
                .isInstanceOf(LoraException.class)
                .hasMessageContainingAll("model.layers.0.self_attn.q_proj", "does not have");
        assertThat(folder).isEmptyDirectory();
        assertThatThrownBy(
                        () ->
                                LoraMerge.of(Golden.MODELS.resolve("llama"), golden)
                                        .run(Golden.MODELS.resolve("llama")))
                .isInstanceOf(LoraException.class)
                .hasMessageContaining("never overwritten");
    }

    @Test
    void extractFindsAnAdapterAgain() throws IOException {
        for (String name : new String[] {"plain", "gpt2_c_attn"}) {
            Path golden = Golden.LORA.resolve(name);
            Path base = Golden.basePath(golden);
            Path tuned = folder.resolve(name + "-tuned");
            Path found = folder.resolve(name + "-found");
            LoraMerge.of(base, golden).run(tuned);
            LoraExtract.Report exact = LoraExtract.of(base, tuned).rank(4).run(found);
            assertThat(exact.residual()).isLessThan(1e-5);
            assertThat(exact.others()).isEmpty();
            assertThat(exact.modules()).hasSize(StoredAdapterTest.modules(golden).size());
            TokenBatch row = Golden.row0(Golden.json(golden));
            try (CausalLm model = Pretrained.load(base);
                    CausalLm reference = Pretrained.load(tuned);
                    Scope scope = Scope.open();
                    Lora lora = Lora.load(model, found)) {
                Golden.assertClose(model.logits(row), reference.logits(row), 1e-4);
            }
            LoraExtract.Report less =
                    LoraExtract.of(base, tuned).rank(2).run(folder.resolve(name + "-less"));
            assertThat(less.residual()).isGreaterThan(0.1).isLessThan(1);
            LoraExtract.Report more =
                    LoraExtract.of(base, tuned).rank(1000).run(folder.resolve(name + "-more"));
            assertThat(more.residual()).isLessThan(1e-5);
            assertThat(more.modules().get(0).rank()).isEqualTo(48);
        }
    }

    @Test
    void extractTellsOfWhatLowRankCannotHoldAndStoresItOnRequest() throws IOException {
        Path golden = Golden.PEFT.resolve("save_embed_norm");
        Path base = Golden.basePath(golden);
        Path tuned = folder.resolve("tuned");
        LoraMerge.of(Golden.MODELS.resolve("llama"), Golden.LORA.resolve("modules_to_save"))
                .run(tuned);
        LoraExtract.Report without =
                LoraExtract.of(Golden.MODELS.resolve("llama"), tuned)
                        .rank(4)
                        .run(folder.resolve("without"));
        assertThat(without.others()).containsExactly("lm_head.weight");
        assertThat(without.stored()).isFalse();
        Path with = folder.resolve("with");
        LoraExtract.of(Golden.MODELS.resolve("llama"), tuned).rank(4).withOthers().run(with);
        TokenBatch row = Golden.row0(Golden.json(Golden.LORA.resolve("modules_to_save")));
        try (CausalLm model = Golden.llama();
                CausalLm reference = Pretrained.load(tuned);
                Scope scope = Scope.open();
                Lora lora = Lora.load(model, with)) {
            Golden.assertClose(model.logits(row), reference.logits(row), 1e-4);
        }
        assertThatThrownBy(() -> LoraExtract.of(base, base).run(folder.resolve("none")))
                .isInstanceOf(LoraException.class)
                .hasMessageContaining("does not differ");
        assertThatThrownBy(() -> LoraExtract.of(base, tuned).run(folder.resolve("none")))
                .isInstanceOf(LoraException.class)
                .hasMessageContainingAll("[", "one family and size");
    }
}
