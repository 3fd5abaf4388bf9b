package org.retain4j.core.model;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.retain4j.core.nn.AttentionSpec;
import org.retain4j.core.nn.BlockSpec;
import org.retain4j.core.nn.MlpSpec;
import org.retain4j.core.nn.Norm;
import org.retain4j.core.nn.Rotary;

/**
 * Gemma 3, text only: norms on both sides and of queries and keys, five layers with a sliding
 * window for each without, each kind with a rotary embedding of its own.
 */
public final class Gemma3Family implements ModelFamily {

    /** Creates the family; called by {@link java.util.ServiceLoader}. */
    public Gemma3Family() {}

    @Override
    public Set<String> modelTypes() {
        return Set.of("gemma3_text");
    }

    @Override
    public DecoderSpec spec(ModelConfig config) throws ModelException {
        ConfigChecks.requirePlain(
                config,
                "Gemma3ForCausalLM",
                "final_logit_softcapping",
                "query_pre_attn_scalar",
                "rope_local_base_freq",
                "sliding_window",
                "sliding_window_pattern",
                "layer_types");
        int hiddenSize = config.positiveInt("hidden_size");
        int heads = config.positiveInt("num_attention_heads");
        int kvHeads = ConfigChecks.kvHeads(config, heads, 4);
        int headDim = config.positiveInt("head_dim", 256);
        int layers = ConfigChecks.layers(config, "num_hidden_layers");
        int window = ConfigChecks.window(config, "sliding_window", 4096);
        boolean bias = config.flag("attention_bias", false);
        double scale = 1 / Math.sqrt(config.positiveNumber("query_pre_attn_scalar", 256));
        Rotary.Spec all = rotary(config, headDim, "full_attention", "rope_theta", 1e6);
        Rotary.Spec local =
                rotary(config, headDim, "sliding_attention", "rope_local_base_freq", 1e4);
        BlockSpec block =
                BlockSpec.of(
                                new Norm.Spec(
                                        Norm.Kind.RMS_PLUS_ONE,
                                        config.positiveNumber("rms_norm_eps", 1e-6)),
                                AttentionSpec.separate(heads, kvHeads, headDim)
                                        .withBias(bias, bias)
                                        .withQueryNorm(AttentionSpec.QueryNorm.BY_HEAD)
                                        .withScores(scale, 0),
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
        int pattern =
                config.positiveInt(
                        config.has("sliding_window_pattern")
                                ? "sliding_window_pattern"
                                : "_sliding_window_pattern",
                        6);
        for (int i = types.size(); i < layers; i++) {
            types.add((i + 1) % pattern == 0 ? "full_attention" : "sliding_attention");
        }
        ConfigChecks.requireWindow(config, types, window);
        List<DecoderSpec.Layer> each = new ArrayList<>();
        for (String type : types) {
            boolean full = type.equals("full_attention");
            each.add(new DecoderSpec.Layer(full ? 0 : window, full ? 0 : 1));
        }
        return new DecoderSpec(
                config.positiveInt("vocab_size"),
                hiddenSize,
                config.positiveInt("max_position_embeddings", 131_072),
                DecoderSpec.Names.LLAMA,
                block,
                each,
                List.of(all, local),
                Math.sqrt(hiddenSize),
                config.flag("tie_word_embeddings", true),
                config.cap("final_logit_softcapping", 0));
    }

    /** Reads an embedding from nested settings, or those of transformers 4. */
    private static Rotary.Spec rotary(
            ModelConfig config, int headDim, String type, String thetaKey, double theta)
            throws ModelException {
        JsonNode nested = RopeSettings.byLayerType(config).path(type);
        double base = config.positiveNumber(thetaKey, theta);
        boolean scaled = nested.isMissingNode() && type.equals("full_attention");
        return RopeSettings.nested(
                config,
                scaled ? "rope_scaling" : "rope_parameters." + type,
                scaled ? config.node("rope_scaling") : nested,
                headDim,
                base);
    }
}
