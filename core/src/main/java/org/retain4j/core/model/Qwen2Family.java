package org.retain4j.core.model;

import java.util.List;
import java.util.Set;
import org.retain4j.core.nn.AttentionSpec;
import org.retain4j.core.nn.BlockSpec;
import org.retain4j.core.nn.MlpSpec;
import org.retain4j.core.nn.Norm;
import org.retain4j.core.nn.Rotary;

/** Qwen 2 and 2.5: Llama with biases on queries, keys and values. */
public final class Qwen2Family implements ModelFamily {

    /** Creates the family; called by {@link java.util.ServiceLoader}. */
    public Qwen2Family() {}

    @Override
    public Set<String> modelTypes() {
        return Set.of("qwen2");
    }

    @Override
    public DecoderSpec spec(ModelConfig config) throws ModelException {
        ConfigChecks.requirePlain(
                config, "Qwen2ForCausalLM", "sliding_window", "use_sliding_window", "layer_types");
        int hiddenSize = config.positiveInt("hidden_size");
        int heads = config.positiveInt("num_attention_heads");
        int kvHeads = ConfigChecks.kvHeads(config, heads, 32);
        int headDim = ConfigChecks.headDim(config, hiddenSize, heads);
        int layers = ConfigChecks.layers(config, "num_hidden_layers");
        Rotary.Spec rotary = RopeSettings.read(config, headDim);
        BlockSpec block =
                BlockSpec.of(
                        new Norm.Spec(Norm.Kind.RMS, config.positiveNumber("rms_norm_eps", 1e-6)),
                        AttentionSpec.separate(heads, kvHeads, headDim).withBias(true, false),
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
