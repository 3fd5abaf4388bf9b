package org.retain4j.core.model;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.retain4j.core.nn.MlpSpec;

/**
 * Checks and keys that families share; what would change the computation and is not implemented is
 * refused here by name.
 */
final class ConfigChecks {

    /**
     * Settings of other models that change the computation, with the values at which they do not.
     */
    private static final Map<String, Set<String>> FOREIGN =
            Map.ofEntries(
                    Map.entry("add_cross_attention", Set.of("false")),
                    Map.entry("alibi", Set.of("false")),
                    Map.entry("attention_multiplier", Set.of("1", "1.0")),
                    Map.entry("attention_chunk_size", Set.of()),
                    Map.entry("attn_logit_softcapping", Set.of()),
                    Map.entry("attn_temperature_tuning", Set.of("false", "0")),
                    Map.entry("clip_qkv", Set.of()),
                    Map.entry("cross_attention_layers", Set.of("[]")),
                    Map.entry("dim_model_base", Set.of()),
                    Map.entry("embedding_multiplier", Set.of("1", "1.0")),
                    Map.entry("final_logit_softcapping", Set.of()),
                    Map.entry("is_encoder_decoder", Set.of("false")),
                    Map.entry("kv_lora_rank", Set.of()),
                    Map.entry("layer_types", Set.of()),
                    Map.entry("logit_scale", Set.of("1", "1.0")),
                    Map.entry("logits_scaling", Set.of("1", "1.0")),
                    Map.entry("moe_intermediate_size", Set.of()),
                    Map.entry("no_rope_layer_interval", Set.of()),
                    Map.entry("no_rope_layers", Set.of()),
                    Map.entry("num_experts", Set.of("0", "1")),
                    Map.entry("num_local_experts", Set.of("0", "1")),
                    Map.entry("n_routed_experts", Set.of()),
                    Map.entry("partial_rotary_factor", Set.of("1", "1.0")),
                    Map.entry("pruned_heads", Set.of("{}")),
                    Map.entry("q_lora_rank", Set.of()),
                    Map.entry("qk_layernorm", Set.of("false")),
                    Map.entry("query_pre_attn_scalar", Set.of()),
                    Map.entry("residual_multiplier", Set.of("1", "1.0")),
                    Map.entry("rope_interleave", Set.of("false")),
                    Map.entry("rope_local_base_freq", Set.of()),
                    Map.entry("rotary_emb_base", Set.of()),
                    Map.entry("rotary_pct", Set.of("1", "1.0")),
                    Map.entry("scale_depth", Set.of()),
                    Map.entry("scale_emb", Set.of("1", "1.0")),
                    Map.entry("sliding_window", Set.of()),
                    Map.entry("sliding_window_pattern", Set.of()),
                    Map.entry("text_config", Set.of()),
                    Map.entry("tie_encoder_decoder", Set.of("false")),
                    Map.entry("use_bidirectional_attention", Set.of("false")),
                    Map.entry("use_parallel_residual", Set.of("false")),
                    Map.entry("use_qk_norm", Set.of("false")),
                    Map.entry("use_sliding_window", Set.of("false")),
                    Map.entry("vision_config", Set.of()));

    /** More than any model has; a list of so many layers still fits into memory. */
    private static final int MAX_LAYERS = 10_000;

    private ConfigChecks() {}

    /**
     * Checks what holds for every family.
     *
     * @param read keys of {@link #FOREIGN} that the family itself reads
     * @throws ModelException if weights are quantised, the head is not that of a language model, or
     *     a setting is not implemented
     */
    static void requirePlain(ModelConfig config, String architecture, String... read)
            throws ModelException {
        if (config.has("quantization_config")) {
            String method = config.node("quantization_config").path("quant_method").asText("");
            throw new ModelException(
                    config.origin()
                            + ": \"quantization_config\""
                            + (method.isEmpty() || method.length() > 100
                                    ? ""
                                    : " with quant_method \"" + method + "\"")
                            + " is not supported; load a model in float32, float16 or bfloat16, or"
                            + " a GGUF file");
        }
        for (JsonNode name : config.node("architectures")) {
            if (!name.asText().equals(architecture)) {
                throw config.unsupported("architectures", "expected \"" + architecture + "\"");
            }
        }
        Set<String> own = Set.of(read);
        for (String key : new java.util.TreeSet<>(FOREIGN.keySet())) {
            if (!own.contains(key)
                    && config.has(key)
                    && !FOREIGN.getOrDefault(key, Set.of()).contains(config.node(key).toString())) {
                throw config.unsupported(
                        key, "models of type " + config.modelType() + " are computed without it");
            }
        }
    }

    /** Reads {@code layer_types} where it must say that all layers see everything. */
    static void requireFullAttention(ModelConfig config, int layers) throws ModelException {
        for (String type : layerTypes(config, layers)) {
            if (!type.equals("full_attention")) {
                throw config.unsupported("layer_types", "expected \"full_attention\" everywhere");
            }
        }
    }

    /** Reads {@code layer_types}; empty when the file has none. */
    static List<String> layerTypes(ModelConfig config, int layers) throws ModelException {
        List<String> types = new java.util.ArrayList<>();
        if (!config.has("layer_types")) {
            return types;
        }
        for (JsonNode type : config.node("layer_types")) {
            types.add(type.asText());
        }
        boolean known =
                types.stream()
                        .allMatch(t -> t.equals("full_attention") || t.equals("sliding_attention"));
        if (types.size() != layers || !known) {
            throw config.unsupported(
                    "layer_types",
                    "expected " + layers + " entries \"full_attention\" or \"sliding_attention\"");
        }
        return types;
    }

    /** Reads the name of an activation. */
    static MlpSpec.Activation activation(ModelConfig config, String key, String absent)
            throws ModelException {
        String name = config.has(key) ? config.string(key) : absent;
        return switch (name) {
            case "silu", "swish" -> MlpSpec.Activation.SILU;
            case "gelu" -> MlpSpec.Activation.GELU;
            case "gelu_new", "gelu_pytorch_tanh", "gelu_fast" -> MlpSpec.Activation.GELU_TANH;
            case "relu" -> MlpSpec.Activation.RELU;
            default ->
                    throw config.unsupported(
                            key,
                            "supported are silu, gelu, gelu_new, gelu_pytorch_tanh, gelu_fast and"
                                    + " relu");
        };
    }

    /** Reads the width of a head, by default the share of a head in the hidden size. */
    static int headDim(ModelConfig config, int hiddenSize, int heads) throws ModelException {
        if (config.has("head_dim")) {
            return config.positiveInt("head_dim");
        }
        if (hiddenSize % heads != 0) {
            throw new ModelException(
                    config.origin()
                            + ": hidden_size "
                            + hiddenSize
                            + " is not a multiple of num_attention_heads "
                            + heads
                            + " and there is no head_dim");
        }
        return hiddenSize / heads;
    }

    /** Reads the number of layers. */
    static int layers(ModelConfig config, String key) throws ModelException {
        int layers = config.positiveInt(key);
        if (layers > MAX_LAYERS) {
            throw config.unsupported(key, "expected at most " + MAX_LAYERS);
        }
        return layers;
    }

    /**
     * Reads the number of key and value heads: as many as query heads when it is null.
     *
     * @param absent number when there is no such key
     */
    static int kvHeads(ModelConfig config, int heads, int absent) throws ModelException {
        String key = "num_key_value_heads";
        int kvHeads = config.node(key).isNull() ? heads : config.positiveInt(key, absent);
        if (heads % kvHeads != 0) {
            throw new ModelException(
                    config.origin()
                            + ": num_attention_heads "
                            + heads
                            + " is not a multiple of num_key_value_heads "
                            + kvHeads);
        }
        return kvHeads;
    }

    /** Refuses layers with a sliding window of no size. */
    static void requireWindow(ModelConfig config, List<String> types, int window)
            throws ModelException {
        if (window == 0 && types.contains("sliding_attention")) {
            throw config.unsupported(
                    "sliding_window", "the model has layers of type \"sliding_attention\"");
        }
    }

    /** Refuses another value under a key that the family reads under another name. */
    static void requireSame(ModelConfig config, String key, String read, double absent)
            throws ModelException {
        double value = config.positiveNumber(read, absent);
        if (config.positiveNumber(key, value) != value) {
            throw config.unsupported(key, "this model type reads \"" + read + "\"");
        }
    }

    /** Reads a window; 0 when the key is absent or null. */
    static int window(ModelConfig config, String key, int absent) throws ModelException {
        if (config.node(key).isMissingNode()) {
            return absent;
        }
        return config.has(key) ? config.positiveInt(key) : 0;
    }
}
