package org.retain4j.core.model;

import java.util.Collections;
import java.util.List;
import java.util.Set;
import org.retain4j.core.nn.AttentionSpec;
import org.retain4j.core.nn.BlockSpec;
import org.retain4j.core.nn.MlpSpec;
import org.retain4j.core.nn.Norm;

/** GPT-2: learned positions, layer norms, biases everywhere, weights stored as [in, out]. */
public final class Gpt2Family implements ModelFamily {

    /** Creates the family; called by {@link java.util.ServiceLoader}. */
    public Gpt2Family() {}

    @Override
    public Set<String> modelTypes() {
        return Set.of("gpt2");
    }

    @Override
    public DecoderSpec spec(ModelConfig config) throws ModelException {
        ConfigChecks.requirePlain(config, "GPT2LMHeadModel");
        if (config.flag("scale_attn_by_inverse_layer_idx", false)) {
            throw config.unsupported("scale_attn_by_inverse_layer_idx", "expected false");
        }
        int hiddenSize = config.positiveInt("n_embd");
        int heads = config.positiveInt("n_head");
        if (hiddenSize % heads != 0) {
            throw new ModelException(
                    config.origin()
                            + ": n_embd "
                            + hiddenSize
                            + " is not a multiple of n_head "
                            + heads);
        }
        AttentionSpec attention =
                AttentionSpec.separate(heads, heads, hiddenSize / heads)
                        .joined(AttentionSpec.Layout.STACKED, "attn.c_attn", "attn.c_proj")
                        .withBias(true, true)
                        .withTransposedWeights();
        if (!config.flag("scale_attn_weights", true)) {
            attention = attention.withScores(1, 0);
        }
        BlockSpec block =
                BlockSpec.of(
                                new Norm.Spec(
                                        Norm.Kind.LAYER,
                                        config.positiveNumber("layer_norm_epsilon", 1e-5)),
                                attention,
                                new MlpSpec(
                                        config.positiveInt("n_inner", 4 * hiddenSize),
                                        MlpSpec.Layout.PLAIN,
                                        ConfigChecks.activation(
                                                config, "activation_function", "gelu_new"),
                                        List.of("mlp.c_fc"),
                                        "mlp.c_proj",
                                        true,
                                        true))
                        .withNorms("ln_1", null, "ln_2", null);
        return new DecoderSpec(
                config.positiveInt("vocab_size"),
                hiddenSize,
                config.positiveInt("n_positions", 1024),
                new DecoderSpec.Names(
                        "transformer.wte",
                        "transformer.wpe",
                        "transformer.h",
                        "transformer.ln_f",
                        "lm_head"),
                block,
                Collections.nCopies(
                        ConfigChecks.layers(config, "n_layer"), new DecoderSpec.Layer(0, -1)),
                List.of(),
                1,
                config.flag("tie_word_embeddings", true),
                0);
    }
}
