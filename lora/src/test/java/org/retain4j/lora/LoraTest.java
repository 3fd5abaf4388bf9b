package org.retain4j.lora;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.retain4j.core.io.SafetensorsFile;
import org.retain4j.core.model.CausalLm;
import org.retain4j.core.model.Pretrained;
import org.retain4j.core.model.TokenBatch;
import org.retain4j.core.nn.KvCache;
import org.retain4j.core.nn.Linear;
import org.retain4j.core.nn.Parameter;
import org.retain4j.core.nn.Taps;
import org.retain4j.core.tensor.DType;
import org.retain4j.core.tensor.Precision;
import org.retain4j.core.tensor.Random;
import org.retain4j.core.tensor.Scope;
import org.retain4j.core.tensor.Tensor;
import org.retain4j.core.tensor.TensorEngine;

class LoraTest {

    private static final TokenBatch BATCH =
            TokenBatch.padded(
                    List.of(
                            new int[] {5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16},
                            new int[] {20, 40, 60, 80, 100, 120, 140}),
                    0,
                    false);

    @TempDir Path folder;

    private static float[] logits(CausalLm model) {
        try (Scope scope = Scope.open()) {
            return model.logits(BATCH).toFloatArray();
        }
    }

    /** Fills all parameters of an adapter with numbers that are not zero. */
    private static void disturb(Lora lora, String name, long seed) {
        try (Scope scope = Scope.open()) {
            for (Parameter p : lora.parameters(name)) {
                Tensor noise =
                        Random.at(seed, 0, p.name())
                                .normal(0.2, p.value().shape())
                                .to(p.value().device());
                p.value().addInPlace(noise, 1);
            }
        }
    }

    private static double distance(float[] a, float[] b) {
        double largest = 0;
        assertThat(a).hasSameSizeAs(b);
        for (int i = 0; i < a.length; i++) {
            largest = Math.max(largest, Math.abs((double) a[i] - b[i]));
        }
        return largest;
    }

    @ParameterizedTest
    @ValueSource(strings = {"true", "gaussian", "orthogonal", "pissa", "olora"})
    void everyStartChangesNothing(String init) throws IOException {
        for (String name : new String[] {"llama", "gpt2", "phi3"}) {
            try (CausalLm model = Pretrained.load(Golden.MODELS.resolve(name))) {
                float[] before = logits(model);
                try (Lora lora =
                        Lora.attach(model, LoraConfig.rank(4).targets("all-linear").init(init))) {
                    assertThat(distance(logits(model), before)).isLessThan(1e-4);
                    assertThat(lora.parameters()).hasSize(2 * model.linears().size());
                    disturb(lora, "default", 1);
                    float[] trained = logits(model);
                    assertThat(distance(trained, before)).isGreaterThan(0.01);
                    Path saved = folder.resolve(name + init);
                    lora.save(saved);
                    lora.close();
                    assertThat(logits(model)).containsExactly(before);
                    try (Lora again = Lora.load(model, saved)) {
                        assertThat(distance(logits(model), trained)).isLessThan(2e-4);
                        int rank = again.config("default").r();
                        boolean twice = init.equals("pissa") || init.equals("olora");
                        assertThat(rank).isEqualTo(twice ? 8 : 4);
                    }
                }
            }
        }
    }

    @Test
    void startsAreThoseOfTheirDefinition() throws IOException {
        try (CausalLm model = Golden.llama();
                Scope scope = Scope.open()) {
            try (Lora lora =
                    Lora.attach(model, LoraConfig.rank(64).targets(List.of("down_proj")))) {
                Tensor a = lora.adapter("default").linears().get(0).a().value();
                double bound = 1 / Math.sqrt(112);
                assertThat(a.abs().max().item()).isBetween(0.97 * bound, bound);
                assertThat(a.norm().item() / Math.sqrt(a.elements()))
                        .isCloseTo(bound / Math.sqrt(3), within(0.03 * bound));
                assertThat(lora.adapter("default").linears().get(0).b().value().norm().item())
                        .isZero();
            }
            LoraConfig gaussian =
                    LoraConfig.rank(64).targets(List.of("down_proj")).init("gaussian");
            float[] first;
            try (Lora lora = Lora.attach(model, "x", gaussian, 7, null)) {
                Tensor a = lora.adapter("x").linears().get(0).a().value();
                first = a.toFloatArray();
                assertThat(a.norm().item() / Math.sqrt(a.elements()))
                        .isCloseTo(1 / 64.0, within(0.001));
            }
            try (Lora same = Lora.attach(model, "y", gaussian, 7, null)) {
                assertThat(same.adapter("y").linears().get(0).a().value().toFloatArray())
                        .containsExactly(first);
            }
            try (Lora other = Lora.attach(model, "y", gaussian, 8, null)) {
                assertThat(other.adapter("y").linears().get(0).a().value().toFloatArray())
                        .isNotEqualTo(first);
            }
            try (Lora table =
                    Lora.attach(model, LoraConfig.rank(3).targets(List.of("embed_tokens")))) {
                EmbeddingLora own = table.adapter("default").embeddings().get(0);
                assertThat(own.a().value().norm().item()).isZero();
                assertThat(own.b().value().norm().item()).isGreaterThan(1);
            }
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"pissa", "olora"})
    void startsThatTakeAPartOutAgreeWithPeft(String init) throws IOException {
        Path golden = Golden.LORA.resolve("init_" + init);
        var expected = Golden.json(golden);
        LoraConfig config =
                LoraConfig.fromJson("golden", without(expected.path("config"), "task_type"));
        try (CausalLm model = Golden.base(golden);
                SafetensorsFile arrays =
                        SafetensorsFile.open(golden.resolve("expected.safetensors"));
                Scope scope = Scope.open();
                Lora lora = Lora.attach(model, config)) {
            assertThat(lora.adapter("default").linears()).hasSize(4);
            for (LinearLora own : lora.adapter("default").linears()) {
                Tensor delta = own.b().value().matmul(own.a().value()).mul(own.scale());
                Golden.assertClose(delta, Golden.read(arrays, "delta/" + own.module()), 2e-5);
                Tensor residual = own.layer().matrix().sub(delta);
                Golden.assertClose(residual, Golden.read(arrays, "residual/" + own.module()), 2e-5);
            }
        }
    }

    private static JsonNode without(JsonNode node, String key) {
        ObjectNode copy = node.deepCopy();
        copy.remove(key);
        return copy;
    }

    @Test
    void namedAdaptersAreStackedSharedSwitchedAndSaved() throws IOException {
        try (CausalLm model = Golden.llama();
                Lora lora = Lora.attach(model, LoraConfig.rank(2).targets(List.of("q_proj")))) {
            float[] base = logits(model);
            lora.add("second", LoraConfig.rank(4).targets(List.of("q_proj", "up_proj")), 3, null);
            disturb(lora, "default", 1);
            disturb(lora, "second", 2);
            float[] first = logits(model);
            assertThat(model.trainable()).hasSize(4);
            lora.activate("second");
            float[] second = logits(model);
            assertThat(model.trainable()).hasSize(8);
            lora.activate("default", "second");
            float[] both = logits(model);
            assertThat(model.trainable()).hasSize(12);
            assertThat(distance(first, second)).isGreaterThan(0.01);
            assertThat(distance(both, second)).isGreaterThan(0.01);
            lora.activate(Map.of("default", 1.0, "second", 0.0));
            assertThat(distance(logits(model), first)).isLessThan(1e-5);
            lora.activate(Map.of("default", -1.0, "second", 0.5));
            assertThat(distance(logits(model), both)).isGreaterThan(0.01);
            try (Lora.Disabled off = lora.disabled();
                    Lora.Disabled inner = lora.disabled()) {
                inner.close();
                assertThat(logits(model)).containsExactly(base);
                assertThatThrownBy(lora::merge).isInstanceOf(IllegalStateException.class);
            }
            lora.activate("default", "second");
            assertThat(logits(model)).containsExactly(both);
            lora.merge();
            assertThat(distance(logits(model), both)).isLessThan(1e-4);
            assertThatThrownBy(() -> lora.activate("second"))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("merged");
            lora.unmerge();
            assertThat(logits(model)).containsExactly(both);
            assertThatThrownBy(lora::unmerge).isInstanceOf(IllegalStateException.class);
            assertThatThrownBy(() -> model.save(folder))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("adapters");
            lora.save(folder);
            assertThat(AdapterInfo.read(folder).named()).containsExactly("second");
            try (CausalLm copy = model.copy();
                    Lora again = Lora.load(copy, folder)) {
                assertThat(copy.trainable()).hasSize(4);
                assertThat(logits(copy)).containsExactly(first);
                again.load("second", folder.resolve("second"));
                again.activate("second");
                assertThat(logits(copy)).containsExactly(second);
            }
            lora.delete("second");
            lora.activate("default");
            assertThat(logits(model)).containsExactly(first);
            assertThatThrownBy(() -> lora.activate("second"))
                    .hasMessageContainingAll("second", "[default]");
            assertThatThrownBy(() -> lora.add("default", LoraConfig.rank(1), 0, null))
                    .hasMessageContaining("already");
            assertThatThrownBy(() -> Lora.attach(model, LoraConfig.rank(1)))
                    .hasMessageContaining("adapters already");
        }
    }

    @Test
    void twoThatReplaceTheSameParameterCannotBeStacked() throws IOException {
        LoraConfig config =
                LoraConfig.rank(2).targets(List.of("q_proj")).modulesToSave(List.of("lm_head"));
        try (CausalLm model = Golden.llama();
                Lora lora = Lora.attach(model, config)) {
            lora.add("other", config, 0, null);
            assertThatThrownBy(() -> lora.activate("default", "other"))
                    .hasMessageContainingAll("lm_head.weight", "only one");
            assertThatThrownBy(() -> lora.activate(Map.of("other", 0.5)))
                    .hasMessageContaining("0.5");
            lora.activate("other");
            assertThat(model.trainable().stream().map(Parameter::name))
                    .contains("lm_head.modules_to_save.other.weight");
        }
    }

    @Test
    void onlyTheAdapterGetsGradientsAndOnlyItIsTrainable() throws IOException {
        try (CausalLm model = Golden.llama();
                Lora lora = Lora.attach(model, LoraConfig.rank(4).targets("all-linear").alpha(16));
                Scope scope = Scope.open()) {
            disturb(lora, "default", 4);
            List<Parameter> trained = model.trainable();
            assertThat(trained).containsExactlyElementsOf(lora.parameters());
            long before = Scope.liveTensors();
            Golden.Step plain = Golden.step(model, BATCH, Golden.next(BATCH), trained, false, null);
            Golden.Step saving = Golden.step(model, BATCH, Golden.next(BATCH), trained, true, null);
            assertThat(saving.loss()).isEqualTo(plain.loss());
            for (int i = 0; i < trained.size(); i++) {
                assertThat(plain.gradients().get(i).shape())
                        .isEqualTo(trained.get(i).value().shape());
                Golden.assertClose(plain.gradients().get(i), saving.gradients().get(i), 1e-6);
            }
            assertThat(model.parameters()).noneMatch(p -> p.value().requiresGrad());
            assertThat(Scope.liveTensors()).isEqualTo(before + 2L * trained.size());
        }
    }

    @Test
    void fusedKernelsAndSingleLayersGiveTheSame() throws IOException {
        for (String name : List.of("llama", "gpt2", "phi3", "gpt_neox", "qwen3", "gemma2")) {
            try (CausalLm model = Pretrained.load(Golden.MODELS.resolve(name));
                    Lora lora =
                            Lora.attach(model, LoraConfig.rank(3).alpha(9).targets("all-linear"));
                    Scope scope = Scope.open()) {
                disturb(lora, "default", 9);
                Tensor fused = model.hidden(BATCH);
                Taps taps = new Taps();
                int[] seen = new int[1];
                for (Linear layer : model.linears()) {
                    taps.onOutput(
                            layer.name(),
                            x -> {
                                seen[0]++;
                                return x;
                            });
                }
                Golden.assertClose(model.hidden(BATCH, taps), fused, 2e-4);
                assertThat(seen[0]).isEqualTo(model.linears().size());
                TokenBatch row = TokenBatch.of(5, 6, 7, 8, 9);
                Tensor whole = model.logits(row);
                try (KvCache cache = model.newCache(1, 5)) {
                    model.hidden(TokenBatch.of(5, 6, 7, 8), cache);
                    Tensor last = model.head(model.hidden(TokenBatch.of(9), cache));
                    Golden.assertClose(last, whole.narrow(1, 4, 1), 2e-4);
                }
            }
        }
    }

    @Test
    void dropoutDependsOnTheSeedAloneAndSparesOtherPasses() throws IOException {
        try (CausalLm model = Golden.llama();
                Lora lora =
                        Lora.attach(model, LoraConfig.rank(4).targets("all-linear").dropout(0.5));
                Scope scope = Scope.open()) {
            disturb(lora, "default", 4);
            float[] clean = logits(model);
            List<Parameter> trained = model.trainable();
            long[] targets = Golden.next(BATCH);
            Golden.Step none = Golden.step(model, BATCH, targets, trained, false, null);
            Golden.Step one = Golden.step(model, BATCH, targets, trained, false, 1L);
            Golden.Step same = Golden.step(model, BATCH, targets, trained, true, 1L);
            Golden.Step other = Golden.step(model, BATCH, targets, trained, false, 2L);
            assertThat(same.loss()).isEqualTo(one.loss());
            assertThat(one.loss()).isNotEqualTo(other.loss()).isNotEqualTo(none.loss());
            for (int i = 0; i < trained.size(); i++) {
                Golden.assertClose(same.gradients().get(i), one.gradients().get(i), 1e-5);
            }
            assertThat(logits(model)).containsExactly(clean);
            assertThatThrownBy(
                            () ->
                                    lora.add(
                                            "head",
                                            LoraConfig.rank(2)
                                                    .targets(List.of("lm_head"))
                                                    .dropout(0.1),
                                            0,
                                            null))
                    .hasMessageContainingAll("lora_dropout", "lm_head");
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void adaptersOfTheHeadCountInScoresAndGeneration(boolean tied) throws IOException {
        try (CausalLm model = Pretrained.load(Golden.MODELS.resolve(tied ? "smollm2" : "llama"));
                Lora lora = Lora.attach(model, LoraConfig.rank(4).targets(List.of("lm_head")));
                Scope scope = Scope.open()) {
            disturb(lora, "default", 6);
            double[][] found = model.tokenLogProbs(BATCH);
            Tensor expected = model.logits(BATCH).logSoftmax(2);
            float[] all = expected.toFloatArray();
            int vocabulary = model.spec().vocabularySize();
            for (int t = 1; t < 7; t++) {
                int at = (BATCH.tokens() + t - 1) * vocabulary + BATCH.id(1, t);
                assertThat(found[1][t]).isCloseTo(all[at], within(1e-4));
            }
            assertThatThrownBy(model::headWeight)
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("lm_head");
            double adapted = found[1][3];
            try (Lora.Disabled off = lora.disabled()) {
                assertThat(model.tokenLogProbs(BATCH)[1][3]).isNotEqualTo(adapted);
                assertThat(model.headWeight().name())
                        .isEqualTo(tied ? "model.embed_tokens.weight" : "lm_head.weight");
            }
            lora.merge();
            assertThat(model.tokenLogProbs(BATCH)[1][3]).isCloseTo(adapted, within(1e-4));
        }
    }

    @Test
    void mixedPrecisionComesCloseToFloat32() throws IOException {
        Path golden = Golden.LORA.resolve("all_linear");
        try (CausalLm exact = Golden.llama();
                CausalLm mixed =
                        Pretrained.load(
                                Golden.MODELS.resolve("llama"),
                                TensorEngine.defaultDevice(),
                                Precision.BF16_MIXED);
                Lora one = Lora.load(exact, golden);
                Lora two = Lora.load(mixed, golden);
                Scope scope = Scope.open()) {
            assertThat(two.parameters()).allMatch(p -> p.value().dtype() == DType.FLOAT32);
            Tensor reference = exact.logits(BATCH);
            double error =
                    mixed.logits(BATCH).sub(reference).norm().item() / reference.norm().item();
            assertThat(error).isGreaterThan(1e-5).isLessThan(0.05);
            List<Parameter> trained = mixed.trainable();
            Golden.Step step = Golden.step(mixed, BATCH, Golden.next(BATCH), trained, true, null);
            assertThat(step.gradients()).allMatch(g -> g.dtype() == DType.FLOAT32);
            assertThat(step.gradients()).allMatch(Tensor::allFinite);
        }
    }

    @Test
    void targetsFollowTheRulesOfPeft() throws IOException {
        try (CausalLm model = Golden.llama()) {
            assertTargets(model, LoraConfig.rank(1), 4, "q_proj");
            assertTargets(model, LoraConfig.rank(1).targets("all-linear"), 14, "down_proj");
            assertTargets(
                    model,
                    LoraConfig.rank(1).targets("all-linear").exclude(List.of("up_proj")),
                    12,
                    "down_proj");
            assertTargets(model, LoraConfig.rank(1).targets(".*1\\.mlp\\..*"), 3, "1.mlp");
            assertTargets(
                    model,
                    LoraConfig.rank(1).targets(List.of("q_proj")).layers(List.of(1)),
                    1,
                    "layers.1.self_attn.q_proj");
            assertTargets(
                    model,
                    LoraConfig.rank(1)
                            .targets(List.of("q_proj", "lm_head"))
                            .modulesToSave(List.of("lm_head")),
                    2,
                    "q_proj");
            String layer1 = "{\"target_modules\": [\"q_proj\"], \"layers_to_transform\": 1,";
            ObjectMapper json = new ObjectMapper();
            assertTargets(
                    model,
                    LoraConfig.fromJson(
                            "lora", json.readTree(layer1 + " \"layers_pattern\": \"layers\"}")),
                    1,
                    "layers.1.self_attn.q_proj");
            LoraConfig blocks =
                    LoraConfig.fromJson(
                            "lora", json.readTree(layer1 + " \"layers_pattern\": \"h\"}"));
            assertThatThrownBy(() -> Lora.attach(model, blocks))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("fit no module");
            assertThatThrownBy(
                            () -> Lora.attach(model, LoraConfig.rank(1).targets(List.of("proj"))))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContainingAll("[proj]", "fit no module", "q_proj");
            assertThatThrownBy(() -> Lora.attach(model, LoraConfig.rank(Integer.MAX_VALUE)))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContainingAll("r is 2147483647", "smaller r");
            LoraConfig pattern = LoraConfig.rank(1).targets("all-linear");
            assertThatThrownBy(() -> pattern.layers(List.of(0)))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContainingAll("layers_to_transform", "all-linear");
            assertThatThrownBy(
                            () ->
                                    Lora.attach(
                                            model,
                                            LoraConfig.rank(49)
                                                    .targets("all-linear")
                                                    .init("pissa")))
                    .hasMessageContainingAll("r is 49", "at most 48");
            assertThatThrownBy(
                            () ->
                                    Lora.attach(
                                            model,
                                            LoraConfig.rank(3)
                                                    .targets("all-linear")
                                                    .init("orthogonal")))
                    .hasMessageContaining("even r");
            assertThatThrownBy(() -> Lora.attach(model, LoraConfig.rank(2).init("eva")))
                    .hasMessageContaining("LayerInputs");
            assertThat(model.isAdapted()).isFalse();
            assertThat(model.trainable()).isEqualTo(model.parameters());
        }
    }

    private static void assertTargets(CausalLm model, LoraConfig config, int count, String part) {
        try (Lora lora = Lora.attach(model, config)) {
            assertThat(lora.adapter("default").linears())
                    .hasSize(count)
                    .anyMatch(own -> own.module().contains(part));
        }
    }

    @Test
    void settingsOfUsersAreReadWithNamedErrors() throws IOException {
        ObjectMapper json = new ObjectMapper();
        LoraConfig config =
                LoraConfig.fromJson(
                        "lora",
                        json.readTree(
                                "{\"r\": 16, \"lora_alpha\": 32, \"target_modules\":"
                                        + " \"all-linear\", \"use_rslora\": true,"
                                        + " \"rank_pattern\": {\"q_proj\": 4}}"));
        assertThat(config.scaleOf("model.layers.0.self_attn.q_proj")).isEqualTo(16);
        assertThat(config.scaleOf("model.layers.0.mlp.up_proj")).isEqualTo(8);
        assertThat(LoraConfig.fromJson("lora", json.readTree("{}")))
                .isEqualTo(LoraConfig.defaults());
        assertThatThrownBy(() -> LoraConfig.fromJson("run.yaml", json.readTree("{\"rank\": 4}")))
                .isInstanceOf(LoraException.class)
                .hasMessageContainingAll("run.yaml", "unknown key \"rank\"", "lora_alpha");
        assertThatThrownBy(() -> LoraConfig.fromJson("run.yaml", json.readTree("{\"r\": 0}")))
                .isInstanceOf(LoraException.class)
                .hasMessageContaining("r must be at least 1");
    }

    @Test
    void loraPlusDescribesItsGroups() throws IOException {
        try (CausalLm model = Golden.llama();
                Lora lora =
                        Lora.attach(
                                model,
                                LoraConfig.rank(2).targets(List.of("q_proj", "embed_tokens")))) {
            assertThat(new LoraPlus(16, 0.005).groups(lora))
                    .containsExactly(
                            new LoraPlus.Group("*.lora_embedding_*", 0.005),
                            new LoraPlus.Group("*.lora_B.*", 16));
            assertThatThrownBy(() -> LoraPlus.ratio(0.5)).hasMessageContaining("loraplus_lr_ratio");
        }
    }
}
