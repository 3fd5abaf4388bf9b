package org.retain4j.core.model;

import java.util.List;
import java.util.Set;
import org.retain4j.core.nn.AttentionSpec;
import org.retain4j.core.nn.BlockSpec;
import org.retain4j.core.nn.MlpSpec;
import org.retain4j.core.nn.Norm;
import org.retain4j.core.nn.Rotary;

/** Qwen 3: Llama with norms of queries and keys over each head. */
public final class Qwen3Family implements ModelFamily {

    /** Creates the family; called by {@link java.util.ServiceLoader}. */
    public Qwen3Family() {}

    @Override
    public Set<String> modelTypes() {
        return Set.of("qwen3");
    }

    @Override
    public DecoderSpec spec(ModelConfig config) throws ModelException {
        ConfigChecks.requirePlain(
                config, "Qwen3ForCausalLM", "sliding_window", "use_sliding_window", "layer_types");
        int hiddenSize = config.positiveInt("hidden_size");
        int heads = config.positiveInt("num_attention_heads");
        int kvHeads = ConfigChecks.kvHeads(config, heads, 32);
        int headDim = config.positiveInt("head_dim", 128);
        int layers = ConfigChecks.layers(config, "num_hidden_layers");
        boolean bias = config.flag("attention_bias", false);
        Rotary.Spec rotary = RopeSettings.read(config, headDim);
        BlockSpec block =
                BlockSpec.of(
                        new Norm.Spec(Norm.Kind.RMS, config.positiveNumber("rms_norm_eps", 1e-6)),
                        AttentionSpec.separate(heads, kvHeads, headDim)
                                .withBias(bias, bias)
                                .withQueryNorm(AttentionSpec.QueryNorm.BY_HEAD),
                        MlpSpec.gated(
                                config.positiveInt("intermediate_size"),
                                ConfigChecks.activation(config, "hidden_act", "silu"),
                                false));
        List<DecoderSpec.Layer> each = QwenWindows.layers(config, layers);
        return DecoderSpec.of(
                config.positiveInt("vocab_size"),
                hiddenSize,
                RopeSettings.maxPositions(
                        config.positiveInt("max_position_embeddings", 32_768), rotary.scaling()),
                block,
                each,
                rotary,
                config.flag("tie_word_embeddings", false));
    }
}
