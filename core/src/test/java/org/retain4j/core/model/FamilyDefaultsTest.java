package org.retain4j.core.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.retain4j.core.nn.AttentionSpec;
import org.retain4j.core.nn.MlpSpec;
import org.retain4j.core.nn.RopeScaling;
import org.retain4j.core.nn.Rotary;

/** What a key means when it is absent or null: the defaults of transformers 5.23.0. */
class FamilyDefaultsTest {

    private static final String SHAPE =
            "\"vocab_size\": 100, \"hidden_size\": 256, \"intermediate_size\": 64,"
                    + " \"num_attention_heads\": 32, ";

    private static DecoderSpec spec(String type, int layers, String more) throws IOException {
        String text =
                "{\"model_type\": \""
                        + type
                        + "\", "
                        + SHAPE
                        + more
                        + (more.isEmpty() ? "" : ", ")
                        + "\"num_hidden_layers\": "
                        + layers
                        + "}";
        return Pretrained.spec(ModelConfig.parse("test", text));
    }

    private static List<Integer> windows(DecoderSpec spec) {
        return spec.layers().stream().map(DecoderSpec.Layer::window).toList();
    }

    @ParameterizedTest
    @CsvSource({
        // type, kv heads, kv heads when null, head width, ε, positions, tied, θ, activation
        "llama,32,32,8,1e-6,2048,false,10000,SILU",
        "mistral,8,32,8,1e-6,131072,false,10000,SILU",
        "qwen2,32,32,8,1e-6,32768,false,10000,SILU",
        "qwen3,32,32,128,1e-6,32768,false,10000,SILU",
        "gemma2,4,32,256,1e-6,8192,true,10000,GELU_TANH",
        "gemma3_text,4,32,256,1e-6,131072,true,1000000,GELU_TANH",
        "phi3,32,32,8,1e-5,4096,false,10000,SILU",
        "olmo2,32,32,8,1e-5,2048,false,10000,SILU",
        "gpt_neox,32,32,8,1e-5,2048,false,10000,GELU"
    })
    void absentKeysHaveTheDefaultsOfTheReference(
            String type,
            int kvHeads,
            int kvHeadsOfNull,
            int headDim,
            double epsilon,
            int positions,
            boolean tied,
            double theta,
            MlpSpec.Activation activation)
            throws IOException {
        DecoderSpec spec = spec(type, 2, "");
        AttentionSpec attention = spec.block().attention();
        assertThat(attention.heads()).isEqualTo(32);
        assertThat(attention.kvHeads()).isEqualTo(kvHeads);
        assertThat(attention.headDim()).isEqualTo(headDim);
        assertThat(attention.scale())
                .isCloseTo(
                        type.startsWith("gemma") ? 1 / 16.0 : 1 / Math.sqrt(headDim),
                        within(1e-12));
        assertThat(spec.block().norm().epsilon()).isEqualTo(epsilon);
        assertThat(spec.maxPositions()).isEqualTo(positions);
        assertThat(spec.tiedHead()).isEqualTo(tied);
        Rotary.Spec rotary = spec.rotaries().get(0);
        assertThat(rotary.theta()).isEqualTo(theta);
        assertThat(rotary.dims()).isEqualTo(type.equals("gpt_neox") ? 2 : headDim);
        assertThat(rotary.scaling()).isEqualTo(new RopeScaling.None());
        assertThat(spec.block().mlp().activation()).isEqualTo(activation);
        assertThat(attention.bias()).isEqualTo(type.equals("qwen2") || type.equals("gpt_neox"));
        assertThat(attention.outputBias()).isEqualTo(type.equals("gpt_neox"));
        assertThat(spec.block().mlp().bias()).isEqualTo(type.equals("gpt_neox"));
        assertThat(spec.block().parallel()).isEqualTo(type.equals("gpt_neox"));
        assertThat(spec.embeddingScale()).isEqualTo(type.startsWith("gemma") ? 16 : 1);
        AttentionSpec ofNull = spec(type, 2, "\"num_key_value_heads\": null").block().attention();
        assertThat(ofNull.kvHeads()).isEqualTo(kvHeadsOfNull);
    }

    @Test
    void windowsOfMistralAndPhi3() throws IOException {
        assertThat(windows(spec("mistral", 2, ""))).containsExactly(4096, 4096);
        assertThat(windows(spec("mistral", 2, "\"sliding_window\": null"))).containsExactly(0, 0);
        assertThat(windows(spec("mistral", 2, "\"sliding_window\": 7"))).containsExactly(7, 7);
        assertThat(
                        windows(
                                spec(
                                        "mistral",
                                        2,
                                        "\"sliding_window\": 7, \"layer_types\":"
                                                + " [\"full_attention\", \"sliding_attention\"]")))
                .containsExactly(0, 7);
        assertThat(windows(spec("phi3", 2, ""))).containsExactly(0, 0);
        assertThat(windows(spec("phi3", 2, "\"sliding_window\": 2047")))
                .containsExactly(2047, 2047);
    }

    @ParameterizedTest
    @ValueSource(strings = {"qwen2", "qwen3"})
    void windowsOfQwen(String type) throws IOException {
        assertThat(windows(spec(type, 30, ""))).containsOnly(0);
        assertThat(windows(spec(type, 3, "\"sliding_window\": 5"))).containsExactly(0, 0, 0);
        List<Integer> late = windows(spec(type, 30, "\"use_sliding_window\": true"));
        assertThat(late.subList(0, 28)).containsOnly(0);
        assertThat(late.subList(28, 30)).containsExactly(4096, 4096);
        assertThat(
                        windows(
                                spec(
                                        type,
                                        3,
                                        "\"use_sliding_window\": true, \"sliding_window\": 5,"
                                                + " \"max_window_layers\": 1")))
                .containsExactly(0, 5, 5);
        assertThat(
                        windows(
                                spec(
                                        type,
                                        2,
                                        "\"use_sliding_window\": true, \"sliding_window\": null,"
                                                + " \"max_window_layers\": 0")))
                .containsExactly(0, 0);
    }

    @Test
    void windowsAndCapsOfGemma2() throws IOException {
        DecoderSpec absent = spec("gemma2", 3, "");
        assertThat(windows(absent)).containsExactly(4096, 0, 4096);
        assertThat(absent.block().attention().softCap()).isEqualTo(50);
        assertThat(absent.logitSoftCap()).isEqualTo(30);
        DecoderSpec none =
                spec(
                        "gemma2",
                        3,
                        "\"attn_logit_softcapping\": null, \"final_logit_softcapping\": null");
        assertThat(none.block().attention().softCap()).isZero();
        assertThat(none.logitSoftCap()).isZero();
        assertThat(spec("gemma2", 1, "\"query_pre_attn_scalar\": 144").block().attention().scale())
                .isCloseTo(1 / 12.0, within(1e-12));
    }

    @Test
    void layersOfGemma3() throws IOException {
        DecoderSpec absent = spec("gemma3_text", 13, "");
        for (int i = 0; i < 13; i++) {
            boolean full = i == 5 || i == 11;
            assertThat(absent.layers().get(i))
                    .isEqualTo(new DecoderSpec.Layer(full ? 0 : 4096, full ? 0 : 1));
        }
        assertThat(absent.rotaries().get(1).theta()).isEqualTo(10_000);
        assertThat(absent.block().attention().softCap()).isZero();
        assertThat(absent.logitSoftCap()).isZero();
        assertThat(
                        windows(
                                spec(
                                        "gemma3_text",
                                        4,
                                        "\"sliding_window_pattern\": 2, \"sliding_window\": 9")))
                .containsExactly(9, 0, 9, 0);
    }

    @Test
    void defaultsOfGpt2() throws IOException {
        String shape =
                "{\"model_type\": \"gpt2\", \"vocab_size\": 100, \"n_embd\": 24,"
                        + " \"n_head\": 3, \"n_layer\": 2%s}";
        for (String more : List.of("", ", \"n_inner\": null")) {
            DecoderSpec spec = Pretrained.spec(ModelConfig.parse("test", shape.formatted(more)));
            assertThat(spec.block().mlp().innerWidth()).isEqualTo(96);
            assertThat(spec.maxPositions()).isEqualTo(1024);
            assertThat(spec.tiedHead()).isTrue();
            assertThat(spec.block().norm().epsilon()).isEqualTo(1e-5);
            assertThat(spec.block().mlp().activation()).isEqualTo(MlpSpec.Activation.GELU_TANH);
            assertThat(spec.block().attention().scale()).isCloseTo(1 / Math.sqrt(8), within(1e-12));
            assertThat(spec.rotaries()).isEmpty();
        }
        DecoderSpec inner =
                Pretrained.spec(ModelConfig.parse("test", shape.formatted(", \"n_inner\": 40")));
        assertThat(inner.block().mlp().innerWidth()).isEqualTo(40);
    }

    static Stream<String> longerThanItsTraining() {
        return Stream.of(
                "{\"rope_type\": \"linear\", \"factor\": 4}",
                "{\"rope_type\": \"dynamic\", \"factor\": 4}",
                "{\"rope_type\": \"yarn\", \"factor\": 4}");
    }

    @ParameterizedTest
    @org.junit.jupiter.params.provider.MethodSource("longerThanItsTraining")
    void scalingsThatAreNotCountedInTheLengthLengthenIt(String scaling) throws IOException {
        assertThat(
                        spec(
                                        "llama",
                                        1,
                                        "\"max_position_embeddings\": 64, \"rope_scaling\": "
                                                + scaling)
                                .maxPositions())
                .isEqualTo(256);
    }
}
