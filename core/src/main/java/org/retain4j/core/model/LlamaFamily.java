package org.retain4j.core.model;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.Set;

/**
 * Llama 1 and 2, SmolLM, TinyLlama and other models of the llama layout without rope scaling.
 *
 * <p>Reads the key names of transformers 4 ({@code rope_theta}, {@code rope_scaling}) and 5 ({@code
 * rope_parameters}).
 */
public final class LlamaFamily implements ModelFamily {

    /** Creates the family; called by {@link java.util.ServiceLoader}. */
    public LlamaFamily() {}

    @Override
    public Set<String> modelTypes() {
        return Set.of("llama");
    }

    @Override
    public DecoderSpec spec(ModelConfig config) throws ModelException {
        if (config.has("quantization_config")) {
            throw config.unsupported(
                    "quantization_config", "load a model in float32, float16 or bfloat16");
        }
        if (config.has("hidden_act") && !config.string("hidden_act").equals("silu")) {
            throw config.unsupported("hidden_act", "llama models use \"silu\"");
        }
        int hiddenSize = config.positiveInt("hidden_size");
        int heads = config.positiveInt("num_attention_heads");
        if (!config.has("head_dim") && hiddenSize % heads != 0) {
            throw new ModelException(
                    config.origin()
                            + ": hidden_size "
                            + hiddenSize
                            + " is not a multiple of num_attention_heads "
                            + heads
                            + " and there is no head_dim");
        }
        try {
            return new DecoderSpec(
                    config.positiveInt("vocab_size"),
                    hiddenSize,
                    config.positiveInt("intermediate_size"),
                    config.positiveInt("num_hidden_layers"),
                    heads,
                    config.positiveInt("num_key_value_heads", heads),
                    config.positiveInt("head_dim", hiddenSize / heads),
                    config.positiveNumber("rms_norm_eps", 1e-6),
                    ropeTheta(config),
                    config.flag("attention_bias", false),
                    config.flag("mlp_bias", false),
                    config.flag("tie_word_embeddings", false),
                    config.positiveInt("max_position_embeddings", 2048));
        } catch (IllegalArgumentException e) {
            throw new ModelException(config.origin() + ": " + e.getMessage(), e);
        }
    }

    private static double ropeTheta(ModelConfig config) throws ModelException {
        refuseScaling(config, "rope_scaling");
        refuseScaling(config, "rope_parameters");
        JsonNode nested = config.node("rope_parameters").path("rope_theta");
        return nested.isMissingNode()
                ? config.positiveNumber("rope_theta", 10000.0)
                : config.positiveNumber("rope_parameters.rope_theta", nested);
    }

    private static void refuseScaling(ModelConfig config, String key) throws ModelException {
        if (!config.has(key)) {
            return;
        }
        JsonNode node = config.node(key);
        if (!node.isObject()
                || (node.has("factor") && !node.has("rope_type") && !node.has("type"))) {
            throw config.unsupported(key, "expected an object with a \"rope_type\"");
        }
        String type = node.path("rope_type").asText(node.path("type").asText("default"));
        if (!type.equals("default")) {
            throw config.unsupported(key, "only the default rotary embedding is implemented");
        }
    }
}
