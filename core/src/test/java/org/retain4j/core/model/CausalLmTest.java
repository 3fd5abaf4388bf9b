package org.retain4j.core.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.retain4j.core.nn.KvCache;
import org.retain4j.core.nn.Linear;
import org.retain4j.core.nn.LinearAdapter;
import org.retain4j.core.nn.Parameter;
import org.retain4j.core.nn.PassMode;
import org.retain4j.core.tensor.Autograd;
import org.retain4j.core.tensor.DType;
import org.retain4j.core.tensor.Device;
import org.retain4j.core.tensor.Precision;
import org.retain4j.core.tensor.Random;
import org.retain4j.core.tensor.Scope;
import org.retain4j.core.tensor.Tensor;
import org.retain4j.core.tensor.TensorEngine;

/** One model computed in several ways gives the same numbers. */
class CausalLmTest {

    private static final Path MODELS = Path.of("src/test/resources/golden/models");
    private static final Device DEVICE = TensorEngine.defaultDevice();
    private static final int[] SHORT = {5, 77, 300};
    private static final int[] LONG = {1, 36, 288, 328, 323, 335, 287, 72};

    private static CausalLm llama() throws IOException {
        return Pretrained.load(MODELS.resolve("llama"));
    }

    /** A model with random weights, large enough for every part to matter. */
    private static CausalLm random(boolean attentionBias, boolean mlpBias, boolean tied)
            throws IOException {
        ModelConfig config =
                ModelConfig.parse(
                        "test",
                        """
                        {"model_type": "llama", "vocab_size": 384, "hidden_size": 32,
                         "intermediate_size": 48, "num_hidden_layers": 2,
                         "num_attention_heads": 4, "num_key_value_heads": 2,
                         "attention_bias": %s, "mlp_bias": %s, "tie_word_embeddings": %s}
                        """
                                .formatted(attentionBias, mlpBias, tied));
        CausalLm model = CausalLm.random(config, 3, DEVICE, Precision.F32);
        try (Scope scope = Scope.open()) {
            for (Parameter parameter : model.parameters()) {
                Tensor noise =
                        Random.at(9, 1, parameter.name()).normal(0.3, parameter.value().shape());
                parameter.value().addInPlace(noise.to(DEVICE), 1);
            }
        }
        return model;
    }

    private static float[] logits(CausalLm model, TokenBatch batch) {
        try (Scope scope = Scope.open()) {
            return model.logits(batch).toFloatArray();
        }
    }

    private static void assertClose(float[] actual, float[] expected, double tolerance) {
        assertThat(actual).hasSameSizeAs(expected);
        for (int i = 0; i < actual.length; i++) {
            assertThat((double) actual[i])
                    .as("element %d", i)
                    .isCloseTo(expected[i], within(tolerance));
        }
    }

    @Test
    void aCopyIsIndependent() throws IOException {
        try (CausalLm model = llama()) {
            float[] before = logits(model, TokenBatch.of(LONG));
            CausalLm copy = model.copy();
            assertThat(logits(copy, TokenBatch.of(LONG))).containsExactly(before);
            assertThat(copy.tokenizer()).isSameAs(model.tokenizer());
            try (Scope scope = Scope.open()) {
                copy.parameters().forEach(parameter -> parameter.value().mulInPlace(0.5));
            }
            assertThat(logits(model, TokenBatch.of(LONG))).containsExactly(before);
            assertThat(logits(copy, TokenBatch.of(LONG))).isNotEqualTo(before);
            copy.close();
            assertThat(logits(model, TokenBatch.of(LONG))).containsExactly(before);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"llama", "smollm2"})
    void aSavedModelIsTheSameModel(String name, @TempDir Path folder) throws IOException {
        Path first = folder.resolve("a/b");
        Path second = folder.resolve("second");
        try (CausalLm model = Pretrained.load(MODELS.resolve(name))) {
            model.save(first);
            try (CausalLm loaded = Pretrained.load(first)) {
                assertThat(logits(loaded, TokenBatch.of(LONG)))
                        .containsExactly(logits(model, TokenBatch.of(LONG)));
                assertThat(loaded.tokenizer().sha256()).isEqualTo(model.tokenizer().sha256());
                loaded.save(second);
                loaded.save(second);
            }
        }
        List<String> original = new ArrayList<>(names(MODELS.resolve(name)));
        original.removeIf(file -> file.startsWith("expected"));
        assertThat(names(first)).isEqualTo(original);
        assertThat(names(second)).isEqualTo(original);
        for (String file : original) {
            assertThat(second.resolve(file)).hasSameBinaryContentAs(first.resolve(file));
            if (!file.endsWith(".safetensors")) {
                assertThat(first.resolve(file))
                        .hasSameBinaryContentAs(MODELS.resolve(name).resolve(file));
            }
        }
    }

    private static List<String> names(Path folder) throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            return files.map(file -> file.getFileName().toString()).sorted().toList();
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void paddingChangesNoScore(boolean left) throws IOException {
        try (CausalLm model = llama()) {
            float[] alone = logits(model, TokenBatch.of(SHORT));
            float[] longAlone = logits(model, TokenBatch.of(LONG));
            int vocabulary = model.spec().vocabularySize();
            for (int pad : new int[] {0, 383}) {
                float[] both = logits(model, TokenBatch.padded(List.of(SHORT, LONG), pad, left));
                int from = left ? (LONG.length - SHORT.length) * vocabulary : 0;
                assertClose(Arrays.copyOfRange(both, from, from + alone.length), alone, 1e-5);
                assertClose(
                        Arrays.copyOfRange(both, longAlone.length, both.length), longAlone, 1e-5);
            }
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void tokenLogProbsAreTheLogSoftmaxOfTheScores(boolean left) throws IOException {
        try (CausalLm model = llama();
                Scope scope = Scope.open()) {
            TokenBatch batch = TokenBatch.padded(List.of(SHORT, LONG), 7, left);
            double[][] actual = model.tokenLogProbs(batch);
            float[] expected = model.logits(batch).logSoftmax(-1).toFloatArray();
            int vocabulary = model.spec().vocabularySize();
            for (int r = 0; r < 2; r++) {
                assertThat(actual[r]).hasSize(batch.tokens());
                for (int t = 0; t < batch.tokens(); t++) {
                    boolean counted = t > 0 && batch.isToken(r, t) && batch.isToken(r, t - 1);
                    int at = (r * batch.tokens() + t - 1) * vocabulary + batch.id(r, t);
                    assertThat(actual[r][t]).isCloseTo(counted ? expected[at] : 0, within(1e-5));
                }
            }
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"llama", "smollm2"})
    void checkpointingGivesTheSameGradients(String name) throws IOException {
        try (CausalLm model = Pretrained.load(MODELS.resolve(name));
                Scope scope = Scope.open()) {
            // not all, and not in the order of the model
            List<Parameter> trained = new ArrayList<>(model.parameters());
            trained.removeIf(p -> p.name().endsWith("up_proj.weight"));
            java.util.Collections.reverse(trained);
            trained.forEach(p -> p.value().requiresGrad(true));
            // three rows: for 16 places or fewer, matrix products without gradients take another
            // way
            TokenBatch batch = TokenBatch.padded(List.of(SHORT, LONG, LONG), 0, true);
            Tensor upstream =
                    Random.at(1, 1, "upstream")
                            .normal(1, 3, LONG.length, model.spec().hiddenSize())
                            .to(DEVICE);
            TrainingPass plain = TrainingPass.run(model, batch, trained, false);
            TrainingPass checkpointed = TrainingPass.run(model, batch, trained, true);
            assertThat(checkpointed.hidden().toFloatArray())
                    .containsExactly(plain.hidden().toFloatArray());
            List<Tensor> expected = plain.backward(upstream);
            List<Tensor> actual = checkpointed.backward(upstream);
            assertThat(actual).hasSameSizeAs(trained);
            for (int i = 0; i < trained.size(); i++) {
                float[] reference = expected.get(i).toFloatArray();
                double scale = Math.max(1, expected.get(i).norm().item());
                assertThat(actual.get(i).shape()).isEqualTo(trained.get(i).value().shape());
                assertClose(actual.get(i).toFloatArray(), reference, 1e-6 * scale);
                boolean reached = !trained.get(i).name().equals("lm_head.weight");
                assertThat(expected.get(i).norm().item() > 0)
                        .as(trained.get(i).name())
                        .isEqualTo(reached);
            }
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void trainingOnlyTheHeadGivesZerosFromTheHiddenStates(boolean checkpointing)
            throws IOException {
        try (CausalLm model = llama();
                Scope scope = Scope.open()) {
            List<Parameter> head = List.of(model.headWeight());
            head.get(0).value().requiresGrad(true);
            TrainingPass pass = TrainingPass.run(model, TokenBatch.of(SHORT), head, checkpointing);
            Tensor gradient = pass.backward(Tensor.zerosLike(pass.hidden().detach()).add(1)).get(0);
            assertThat(gradient.shape()).containsExactly(384, 48);
            assertThat(gradient.norm().item()).isZero();
        }
    }

    @Test
    void everyProjectionComputedStepByStepEqualsTheFusedKernels() throws IOException {
        try (CausalLm model = random(false, false, false)) {
            TokenBatch padded = TokenBatch.padded(List.of(SHORT, LONG), 0, true);
            float[] fused = logits(model, padded);
            assertThat(model.linears()).hasSize(14);
            for (Linear linear : model.linears()) {
                Nothing adapter = new Nothing();
                linear.attach(adapter);
                assertClose(logits(model, padded), fused, 1e-5);
                assertThat(adapter.calls).as(linear.weight().name()).isEqualTo(1);
                linear.detach(adapter);
            }
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"true,false,false", "false,true,true", "true,true,false"})
    void biasesAndTiedHeadsGiveTheSameWithAndWithoutFusedKernels(String flags) throws IOException {
        boolean[] flag = new boolean[3];
        for (int i = 0; i < 3; i++) {
            flag[i] = Boolean.parseBoolean(flags.split(",")[i]);
        }
        try (CausalLm model = random(flag[0], flag[1], flag[2])) {
            TokenBatch batch = TokenBatch.of(List.of(LONG, LONG.clone()));
            float[] fused = logits(model, batch);
            long biases =
                    model.parameters().stream().filter(p -> p.name().endsWith(".bias")).count();
            assertThat(biases).isEqualTo(2 * ((flag[0] ? 4 : 0) + (flag[1] ? 3 : 0)));
            for (Parameter parameter : model.parameters()) {
                if (parameter.name().endsWith(".bias")) {
                    assertThat(matters(model, parameter, batch, fused))
                            // softmax does not see what is added to all keys, but rotation does
                            .as(parameter.name())
                            .isTrue();
                }
            }
            assertThat(model.parameters().stream().anyMatch(p -> p.name().equals("lm_head.weight")))
                    .isEqualTo(!flag[2]);
            model.linears().forEach(linear -> linear.attach(new Nothing()));
            assertClose(logits(model, batch), fused, 1e-5);
            try (Scope scope = Scope.open();
                    KvCache cache = model.newCache(2, LONG.length)) {
                assertClose(model.head(model.hidden(batch, cache)).toFloatArray(), fused, 1e-5);
            }
        }
    }

    private static boolean matters(
            CausalLm model, Parameter parameter, TokenBatch batch, float[] before) {
        try (Scope scope = Scope.open()) {
            Tensor kept = parameter.value().copy();
            parameter.value().mulInPlace(0);
            float[] without = logits(model, batch);
            parameter.value().copyInPlace(kept);
            return !Arrays.equals(without, before);
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 8})
    void readingThroughACacheInPartsGivesTheSameScores(int part) throws IOException {
        try (CausalLm model = llama();
                Scope scope = Scope.open();
                KvCache cache = model.newCache(2, LONG.length)) {
            int[] other = {9, 8, 7, 6, 5, 4, 3, 2};
            float[] whole = logits(model, TokenBatch.of(List.of(LONG, other)));
            int vocabulary = model.spec().vocabularySize();
            for (int start = 0; start < LONG.length; start += part) {
                int end = Math.min(start + part, LONG.length);
                TokenBatch piece =
                        TokenBatch.of(
                                List.of(
                                        Arrays.copyOfRange(LONG, start, end),
                                        Arrays.copyOfRange(other, start, end)));
                Tensor hidden;
                try (Autograd.Mode recording = Autograd.enableGrad()) {
                    hidden = model.hidden(piece, cache);
                }
                assertThat(hidden.requiresGrad()).isFalse();
                float[] scores = model.head(hidden).toFloatArray();
                int half = scores.length / 2;
                for (int r = 0; r < 2; r++) {
                    int from = (r * LONG.length + start) * vocabulary;
                    assertClose(
                            Arrays.copyOfRange(scores, r * half, (r + 1) * half),
                            Arrays.copyOfRange(whole, from, from + half),
                            1e-5);
                }
            }
            assertThat(cache.position()).isEqualTo(LONG.length);
        }
    }

    @Test
    void bfloat16ComesCloseToFloat32() throws IOException {
        try (CausalLm exact = llama();
                CausalLm mixed =
                        Pretrained.load(
                                MODELS.resolve("llama").toString(), DEVICE, Precision.BF16_MIXED);
                Scope scope = Scope.open()) {
            Tensor reference = exact.logits(TokenBatch.of(LONG));
            Tensor rounded = mixed.logits(TokenBatch.of(LONG));
            assertThat(rounded.dtype()).isEqualTo(DType.FLOAT32);
            assertThat(mixed.headWeight().value().dtype()).isEqualTo(DType.FLOAT32);
            double error = rounded.sub(reference).norm().item() / reference.norm().item();
            assertThat(error).isGreaterThan(1e-5).isLessThan(0.03);
            double[] logProbs = mixed.tokenLogProbs(TokenBatch.of(LONG))[0];
            double[] exactLogProbs = exact.tokenLogProbs(TokenBatch.of(LONG))[0];
            for (int t = 0; t < LONG.length; t++) {
                assertThat(logProbs[t]).isCloseTo(exactLogProbs[t], within(0.15));
            }
        }
    }

    @Test
    void parametersHaveTheNamesOfHuggingFaceInTheOrderOfTheForwardPass() throws IOException {
        try (CausalLm model = llama()) {
            List<String> names = model.parameters().stream().map(Parameter::name).toList();
            assertThat(names).startsWith("model.embed_tokens.weight");
            assertThat(names).endsWith("model.norm.weight", "lm_head.weight");
            assertThat(names)
                    .containsSubsequence(
                            "model.layers.0.input_layernorm.weight",
                            "model.layers.0.self_attn.q_proj.weight",
                            "model.layers.0.self_attn.k_proj.weight",
                            "model.layers.0.self_attn.v_proj.weight",
                            "model.layers.0.self_attn.o_proj.weight",
                            "model.layers.0.post_attention_layernorm.weight",
                            "model.layers.0.mlp.gate_proj.weight",
                            "model.layers.0.mlp.up_proj.weight",
                            "model.layers.0.mlp.down_proj.weight",
                            "model.layers.1.input_layernorm.weight");
        }
    }

    /** Changes nothing and counts its calls. */
    private static final class Nothing implements LinearAdapter {
        private int calls;

        @Override
        public Tensor apply(Tensor input, Tensor output, PassMode mode) {
            calls++;
            return output;
        }

        @Override
        public List<Parameter> parameters() {
            return List.of();
        }
    }
}
