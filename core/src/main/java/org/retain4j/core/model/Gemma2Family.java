package org.retain4j.core.model;

import java.util.List;
import java.util.Set;
import org.retain4j.core.nn.AttentionSpec;
import org.retain4j.core.nn.BlockSpec;
import org.retain4j.core.nn.MlpSpec;
import org.retain4j.core.nn.Norm;
import org.retain4j.core.nn.Rotary;

/** Gemma 2: norms on both sides, every other layer with a sliding window, soft caps. */
public final class Gemma2Family implements ModelFamily {

    /** Creates the family; called by {@link java.util.ServiceLoader}. */
    public Gemma2Family() {}

    @Override
    public Set<String> modelTypes() {
        return Set.of("gemma2");
    }

    @Override
    public DecoderSpec spec(ModelConfig config) throws ModelException {
        ConfigChecks.requirePlain(
                config,
                "Gemma2ForCausalLM",
                "attn_logit_softcapping",
                "final_logit_softcapping",
                "query_pre_attn_scalar",
                "sliding_window",
                "layer_types");
        int hiddenSize = config.positiveInt("hidden_size");
        int heads = config.positiveInt("num_attention_heads");
        int kvHeads = ConfigChecks.kvHeads(config, heads, 4);
        int headDim = config.positiveInt("head_dim", 256);
        int layers = ConfigChecks.layers(config, "num_hidden_layers");
        int window = ConfigChecks.window(config, "sliding_window", 4096);
        boolean bias = config.flag("attention_bias", false);
        double scale = 1 / Math.sqrt(config.positiveNumber("query_pre_attn_scalar", 256));
        Rotary.Spec rotary = RopeSettings.read(config, headDim);
        BlockSpec block =
                BlockSpec.of(
                                new Norm.Spec(
                                        Norm.Kind.RMS_PLUS_ONE,
                                        config.positiveNumber("rms_norm_eps", 1e-6)),
                                AttentionSpec.separate(heads, kvHeads, headDim)
                                        .withBias(bias, bias)
                                        .withScores(
                                                scale, config.cap("attn_logit_softcapping", 50)),
                                MlpSpec.gated(
                                        config.positiveInt("intermediate_size"),
                                        ConfigChecks.activation(
                                                config, "hidden_activation", "gelu_pytorch_tanh"),
                                        false))
                        .withNorms(
                                "input_layernorm",
                                "post_attention_layernorm",
                                "pre_feedforward_layernorm",
                                "post_feedforward_layernorm");
        List<String> types = ConfigChecks.layerTypes(config, layers);
        for (int i = types.size(); i < layers; i++) {
            types.add(i % 2 == 0 ? "sliding_attention" : "full_attention");
        }
        ConfigChecks.requireWindow(config, types, window);
        return new DecoderSpec(
                config.positiveInt("vocab_size"),
                hiddenSize,
                RopeSettings.maxPositions(
                        config.positiveInt("max_position_embeddings", 8192), rotary.scaling()),
                DecoderSpec.Names.LLAMA,
                block,
                DecoderSpec.Layer.windowed(types, window),
                List.of(rotary),
                Math.sqrt(hiddenSize),
                config.flag("tie_word_embeddings", true),
                config.cap("final_logit_softcapping", 30));
    }
}
