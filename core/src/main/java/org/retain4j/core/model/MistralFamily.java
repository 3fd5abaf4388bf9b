package org.retain4j.core.model;

import java.util.List;
import java.util.Set;
import org.retain4j.core.nn.AttentionSpec;
import org.retain4j.core.nn.BlockSpec;
import org.retain4j.core.nn.MlpSpec;
import org.retain4j.core.nn.Norm;
import org.retain4j.core.nn.Rotary;

/** Mistral 7B and other models of the mistral layout, with or without a sliding window. */
public final class MistralFamily implements ModelFamily {

    /** Creates the family; called by {@link java.util.ServiceLoader}. */
    public MistralFamily() {}

    @Override
    public Set<String> modelTypes() {
        return Set.of("mistral");
    }

    @Override
    public DecoderSpec spec(ModelConfig config) throws ModelException {
        ConfigChecks.requirePlain(config, "MistralForCausalLM", "sliding_window", "layer_types");
        int hiddenSize = config.positiveInt("hidden_size");
        int heads = config.positiveInt("num_attention_heads");
        int kvHeads = ConfigChecks.kvHeads(config, heads, 8);
        int headDim = ConfigChecks.headDim(config, hiddenSize, heads);
        int layers = ConfigChecks.layers(config, "num_hidden_layers");
        int window = ConfigChecks.window(config, "sliding_window", 4096);
        Rotary.Spec rotary = RopeSettings.read(config, headDim);
        BlockSpec block =
                BlockSpec.of(
                        new Norm.Spec(Norm.Kind.RMS, config.positiveNumber("rms_norm_eps", 1e-6)),
                        AttentionSpec.separate(heads, kvHeads, headDim),
                        MlpSpec.gated(
                                config.positiveInt("intermediate_size"),
                                ConfigChecks.activation(config, "hidden_act", "silu"),
                                false));
        List<String> types = ConfigChecks.layerTypes(config, layers);
        ConfigChecks.requireWindow(config, types, window);
        List<DecoderSpec.Layer> each =
                types.isEmpty()
                        ? DecoderSpec.Layer.uniform(layers, window)
                        : DecoderSpec.Layer.windowed(types, window);
        return DecoderSpec.of(
                config.positiveInt("vocab_size"),
                hiddenSize,
                RopeSettings.maxPositions(
                        config.positiveInt("max_position_embeddings", 131_072), rotary.scaling()),
                block,
                each,
                rotary,
                config.flag("tie_word_embeddings", false));
    }
}
