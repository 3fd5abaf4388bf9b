package org.retain4j.core.model;

import java.util.List;
import java.util.Set;
import org.retain4j.core.nn.AttentionSpec;
import org.retain4j.core.nn.BlockSpec;
import org.retain4j.core.nn.MlpSpec;
import org.retain4j.core.nn.Norm;
import org.retain4j.core.nn.Rotary;

/**
 * Phi 3, 3.5 and 4: Llama with one projection for queries, keys and values, and one for gate and
 * up.
 */
public final class Phi3Family implements ModelFamily {

    /** Creates the family; called by {@link java.util.ServiceLoader}. */
    public Phi3Family() {}

    @Override
    public Set<String> modelTypes() {
        return Set.of("phi3");
    }

    @Override
    public DecoderSpec spec(ModelConfig config) throws ModelException {
        ConfigChecks.requirePlain(
                config, "Phi3ForCausalLM", "sliding_window", "partial_rotary_factor");
        int hiddenSize = config.positiveInt("hidden_size");
        int heads = config.positiveInt("num_attention_heads");
        int kvHeads = ConfigChecks.kvHeads(config, heads, heads);
        int headDim = ConfigChecks.headDim(config, hiddenSize, heads);
        int layers = ConfigChecks.layers(config, "num_hidden_layers");
        int window = ConfigChecks.window(config, "sliding_window", 0);
        Rotary.Spec rotary = RopeSettings.readLong(config, headDim);
        BlockSpec block =
                BlockSpec.of(
                        new Norm.Spec(Norm.Kind.RMS, config.positiveNumber("rms_norm_eps", 1e-5)),
                        AttentionSpec.separate(heads, kvHeads, headDim)
                                .joined(
                                        AttentionSpec.Layout.STACKED,
                                        "self_attn.qkv_proj",
                                        "self_attn.o_proj"),
                        new MlpSpec(
                                config.positiveInt("intermediate_size"),
                                MlpSpec.Layout.STACKED_GATED,
                                ConfigChecks.activation(config, "hidden_act", "silu"),
                                List.of("mlp.gate_up_proj"),
                                "mlp.down_proj",
                                false,
                                false));
        return DecoderSpec.of(
                config.positiveInt("vocab_size"),
                hiddenSize,
                RopeSettings.maxPositions(
                        config.positiveInt("max_position_embeddings", 4096), rotary.scaling()),
                block,
                DecoderSpec.Layer.uniform(layers, window),
                rotary,
                config.flag("tie_word_embeddings", false));
    }
}
