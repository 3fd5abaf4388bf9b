package org.retain4j.core.model;

import java.util.List;
import java.util.Set;
import org.retain4j.core.nn.AttentionSpec;
import org.retain4j.core.nn.BlockSpec;
import org.retain4j.core.nn.MlpSpec;
import org.retain4j.core.nn.Norm;
import org.retain4j.core.nn.Rotary;

/**
 * GPT-NeoX and Pythia: parallel attention and feed-forward layer, partly rotated heads, layer
 * norms.
 */
public final class GptNeoxFamily implements ModelFamily {

    /** Creates the family; called by {@link java.util.ServiceLoader}. */
    public GptNeoxFamily() {}

    @Override
    public Set<String> modelTypes() {
        return Set.of("gpt_neox");
    }

    @Override
    public DecoderSpec spec(ModelConfig config) throws ModelException {
        ConfigChecks.requirePlain(
                config,
                "GPTNeoXForCausalLM",
                "rotary_pct",
                "rotary_emb_base",
                "use_parallel_residual",
                "partial_rotary_factor");
        ConfigChecks.requireSame(config, "partial_rotary_factor", "rotary_pct", 0.25);
        ConfigChecks.requireSame(config, "rope_theta", "rotary_emb_base", 10_000);
        int hiddenSize = config.positiveInt("hidden_size");
        int heads = config.positiveInt("num_attention_heads");
        int headDim = ConfigChecks.headDim(config, hiddenSize, heads);
        int layers = ConfigChecks.layers(config, "num_hidden_layers");
        boolean bias = config.flag("attention_bias", true);
        Rotary.Spec rotary =
                RopeSettings.read(config, headDim, "rotary_emb_base", 10_000, "rotary_pct", 0.25);
        BlockSpec block =
                BlockSpec.of(
                                new Norm.Spec(
                                        Norm.Kind.LAYER,
                                        config.positiveNumber("layer_norm_eps", 1e-5)),
                                AttentionSpec.separate(heads, heads, headDim)
                                        .joined(
                                                AttentionSpec.Layout.BY_HEAD,
                                                "attention.query_key_value",
                                                "attention.dense")
                                        .withBias(bias, bias),
                                new MlpSpec(
                                        config.positiveInt("intermediate_size"),
                                        MlpSpec.Layout.PLAIN,
                                        ConfigChecks.activation(config, "hidden_act", "gelu"),
                                        List.of("mlp.dense_h_to_4h"),
                                        "mlp.dense_4h_to_h",
                                        true,
                                        false))
                        .withParallel(config.flag("use_parallel_residual", true));
        return new DecoderSpec(
                config.positiveInt("vocab_size"),
                hiddenSize,
                RopeSettings.maxPositions(
                        config.positiveInt("max_position_embeddings", 2048), rotary.scaling()),
                new DecoderSpec.Names(
                        "gpt_neox.embed_in",
                        null,
                        "gpt_neox.layers",
                        "gpt_neox.final_layer_norm",
                        "embed_out"),
                block,
                DecoderSpec.Layer.uniform(layers, 0),
                List.of(rotary),
                1,
                config.flag("tie_word_embeddings", false),
                0);
    }
}
