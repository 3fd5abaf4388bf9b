package org.retain4j.core.model;

import java.util.Set;
import org.retain4j.core.nn.AttentionSpec;
import org.retain4j.core.nn.BlockSpec;
import org.retain4j.core.nn.MlpSpec;
import org.retain4j.core.nn.Norm;
import org.retain4j.core.nn.Rotary;

/** OLMo 2: norms after attention and feed-forward layer, and over whole queries and keys. */
public final class Olmo2Family implements ModelFamily {

    /** Creates the family; called by {@link java.util.ServiceLoader}. */
    public Olmo2Family() {}

    @Override
    public Set<String> modelTypes() {
        return Set.of("olmo2");
    }

    @Override
    public DecoderSpec spec(ModelConfig config) throws ModelException {
        ConfigChecks.requirePlain(config, "Olmo2ForCausalLM");
        int hiddenSize = config.positiveInt("hidden_size");
        int heads = config.positiveInt("num_attention_heads");
        int kvHeads = ConfigChecks.kvHeads(config, heads, heads);
        int headDim = ConfigChecks.headDim(config, hiddenSize, heads);
        int layers = ConfigChecks.layers(config, "num_hidden_layers");
        boolean bias = config.flag("attention_bias", false);
        Rotary.Spec rotary = RopeSettings.read(config, headDim);
        BlockSpec block =
                BlockSpec.of(
                                new Norm.Spec(
                                        Norm.Kind.RMS, config.positiveNumber("rms_norm_eps", 1e-5)),
                                AttentionSpec.separate(heads, kvHeads, headDim)
                                        .withBias(bias, bias)
                                        .withQueryNorm(AttentionSpec.QueryNorm.WHOLE),
                                MlpSpec.gated(
                                        config.positiveInt("intermediate_size"),
                                        ConfigChecks.activation(config, "hidden_act", "silu"),
                                        false))
                        .withNorms(
                                null,
                                "post_attention_layernorm",
                                null,
                                "post_feedforward_layernorm");
        return DecoderSpec.of(
                config.positiveInt("vocab_size"),
                hiddenSize,
                RopeSettings.maxPositions(
                        config.positiveInt("max_position_embeddings", 2048), rotary.scaling()),
                block,
                DecoderSpec.Layer.uniform(layers, 0),
                rotary,
                config.flag("tie_word_embeddings", false));
    }
}
