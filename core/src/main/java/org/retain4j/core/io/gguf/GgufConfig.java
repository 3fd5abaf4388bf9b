package org.retain4j.core.io.gguf;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import org.jspecify.annotations.Nullable;
import org.retain4j.core.tensor.DType;

/** Writes the {@code config.json} that transformers would have for the model of a GGUF file. */
final class GgufConfig {

    private static final String SCALE = "attention.scale";

    /** Settings that change the computation in ways that no supported model type has. */
    private static final List<String> REFUSED =
            List.of(
                    "logit_scale",
                    "embedding_scale",
                    "residual_scale",
                    SCALE,
                    "attention.clamp_kqv",
                    "attention.max_alibi_bias",
                    "expert_count");

    private static final int MAX_LAYERS = 1 << 12;

    private final GgufFile file;
    private final GgufMetadata metadata;
    private final Architecture architecture;
    private final String prefix;
    private final GgufRope rope;
    private final ObjectNode config = JsonNodeFactory.instance.objectNode();

    private GgufConfig(GgufFile file, Architecture architecture) {
        this.file = file;
        this.metadata = file.metadata();
        this.architecture = architecture;
        this.prefix = architecture.ggufName() + ".";
        this.rope = new GgufRope(file, architecture);
    }

    /**
     * Builds the configuration.
     *
     * @param dtype type of the weights as they are shown
     * @throws GgufException when metadata is missing, or asks for something unsupported
     */
    static ObjectNode build(
            GgufFile file,
            Architecture architecture,
            Map<String, OptionalInt> tokenIds,
            DType dtype)
            throws IOException {
        GgufConfig builder = new GgufConfig(file, architecture);
        builder.refuse();
        if (architecture == Architecture.GPT2) {
            builder.gpt2();
        } else {
            builder.decoder();
        }
        builder.ending(tokenIds, dtype);
        return builder.config;
    }

    /** Returns the number of attention heads. */
    static int heads(GgufMetadata metadata, Architecture architecture) throws GgufException {
        return metadata.positive(architecture.ggufName() + ".attention.head_count");
    }

    /** Returns the number of key and value heads. */
    static int keyHeads(GgufMetadata metadata, Architecture architecture) throws GgufException {
        return metadata.positive(
                architecture.ggufName() + ".attention.head_count_kv",
                heads(metadata, architecture));
    }

    private void refuse() throws GgufException {
        for (String key : REFUSED) {
            boolean known = key.equals(SCALE) && isGemma();
            if (!known && metadata.number(prefix + key, 0) != 0) {
                throw metadata.fail(prefix + key + " is set, which is not supported");
            }
        }
        if (metadata.flag(prefix + "use_parallel_residual", false)) {
            throw metadata.fail(prefix + "use_parallel_residual is not supported");
        }
        if (!metadata.flag(prefix + "attention.causal", true)) {
            throw metadata.fail(prefix + "attention.causal false is not supported");
        }
        String layout = metadata.optionalText(prefix + "tensor_data_layout");
        if (layout != null && !layout.equals("Meta AI original pth")) {
            throw metadata.fail(
                    prefix + "tensor_data_layout " + GgufHeader.quote(layout) + " is not known");
        }
    }

    private int vocabularySize() throws GgufException {
        GgufTensor embedding = file.tensors().get("token_embd.weight");
        if (embedding == null || embedding.dimensions().size() != 2) {
            throw metadata.fail("it has no matrix token_embd.weight, the token embedding");
        }
        long rows = embedding.dimensions().get(1);
        if (rows > Integer.MAX_VALUE) {
            throw metadata.fail("token_embd.weight has " + rows + " rows, which is too many");
        }
        return (int) rows;
    }

    private void decoder() throws IOException {
        int hidden = metadata.positive(prefix + "embedding_length");
        int heads = heads(metadata, architecture);
        int context = metadata.positive(prefix + "context_length");
        int layers = metadata.positive(prefix + "block_count");
        int headSize = headSize(hidden, heads);
        int window = metadata.index(prefix + "attention.sliding_window").orElse(0);
        boolean mistral = architecture == Architecture.LLAMA && window > 0;
        config.putArray("architectures")
                .add(mistral ? "MistralForCausalLM" : architecture.className());
        config.put("model_type", mistral ? "mistral" : architecture.modelType());
        config.put("vocab_size", vocabularySize());
        config.put("hidden_size", hidden);
        config.put("intermediate_size", metadata.positive(prefix + "feed_forward_length"));
        config.put("num_hidden_layers", layers);
        config.put("num_attention_heads", heads);
        config.put("num_key_value_heads", keyHeads(metadata, architecture));
        if (architecture != Architecture.PHI3) {
            config.put("head_dim", headSize);
        }
        config.put("max_position_embeddings", context);
        config.put(
                "rms_norm_eps", metadata.number(prefix + "attention.layer_norm_rms_epsilon", 1e-6));
        rope(headSize, context);
        switch (architecture) {
            case LLAMA -> {
                config.put("hidden_act", "silu");
                if (mistral) {
                    config.put("sliding_window", window);
                } else {
                    config.put("attention_bias", hasLayerTensor("attn_q.bias"));
                    config.put("mlp_bias", hasLayerTensor("ffn_gate.bias"));
                }
            }
            case QWEN2, QWEN3 -> {
                config.put("hidden_act", "silu");
                if (architecture == Architecture.QWEN3) {
                    config.put("attention_bias", hasLayerTensor("attn_q.bias"));
                }
                requireNoWindow(window);
                config.put("use_sliding_window", false);
            }
            case PHI3 -> {
                config.put("hidden_act", "silu");
                putWindow(window);
                config.put("original_max_position_embeddings", rope.originalContext(context));
            }
            case OLMO2 -> {
                config.put("hidden_act", "silu");
                config.put("attention_bias", hasLayerTensor("attn_q.bias"));
                requireNoWindow(window);
            }
            default -> gemma(hidden, heads, headSize, layers, window);
        }
    }

    private void gemma(int hidden, int heads, int headSize, int layers, int window)
            throws GgufException {
        boolean second = architecture == Architecture.GEMMA2;
        config.put("hidden_activation", "gelu_pytorch_tanh");
        config.put("attention_bias", false);
        // The file does not tell the query scale: only the 27B models, known by their depth, have
        // another one than the head size.
        boolean largest = layers == (second ? 46 : 62);
        double scale = metadata.number(prefix + SCALE, 0);
        if (scale > 0) {
            config.put("query_pre_attn_scalar", Math.round(1 / (scale * scale)));
        } else {
            config.put("query_pre_attn_scalar", largest ? hidden / heads : headSize);
        }
        putWindow(window > 0 || !second ? window : 4096);
        layerTypes(layers, second ? 2 : 6);
        putSoftCap("attn_logit_softcapping", second ? 50 : 0);
        putSoftCap("final_logit_softcapping", second ? 30 : 0);
        if (!second) {
            config.put(
                    "rope_local_base_freq", metadata.number(prefix + "rope.freq_base_swa", 10000));
        }
    }

    /** Writes which layers see only the window: all but every n-th, or as the file lists them. */
    private void layerTypes(int layers, int usualPeriod) throws GgufException {
        if (layers > MAX_LAYERS) {
            throw metadata.fail(prefix + "block_count is " + layers + ", which is too many");
        }
        String key = prefix + "attention.sliding_window_pattern";
        ArrayNode types = config.putArray("layer_types");
        long[] listed = metadata.isArray(key) ? metadata.integers(key) : null;
        if (listed != null && listed.length != layers) {
            throw metadata.fail(key + " has " + listed.length + " elements, not " + layers);
        }
        int period = listed == null ? metadata.positive(key, usualPeriod) : 0;
        for (int i = 0; i < layers; i++) {
            boolean sliding = listed == null ? (i + 1) % period != 0 : listed[i] != 0;
            types.add(sliding ? "sliding_attention" : "full_attention");
        }
    }

    private boolean isGemma() {
        return architecture == Architecture.GEMMA2 || architecture == Architecture.GEMMA3;
    }

    private void gpt2() throws GgufException {
        int hidden = metadata.positive(prefix + "embedding_length");
        config.putArray("architectures").add(architecture.className());
        config.put("model_type", architecture.modelType());
        config.put("vocab_size", vocabularySize());
        config.put("n_embd", hidden);
        config.put("n_head", heads(metadata, architecture));
        config.put("n_layer", metadata.positive(prefix + "block_count"));
        config.put("n_positions", metadata.positive(prefix + "context_length"));
        config.put("n_inner", metadata.positive(prefix + "feed_forward_length"));
        config.put(
                "layer_norm_epsilon",
                metadata.number(prefix + "attention.layer_norm_epsilon", 1e-5));
        config.put("activation_function", "gelu_new");
    }

    private int headSize(int hidden, int heads) throws GgufException {
        String key = prefix + "attention.key_length";
        if (!metadata.has(key) && hidden % heads != 0) {
            throw metadata.fail(
                    prefix
                            + "embedding_length "
                            + hidden
                            + " is not a multiple of the "
                            + heads
                            + " heads, and there is no "
                            + key);
        }
        int size = metadata.positive(key, hidden / heads);
        if (metadata.positive(prefix + "attention.value_length", size) != size) {
            throw metadata.fail(key + " and attention.value_length differ, which is not supported");
        }
        return size;
    }

    private void rope(int headSize, int context) throws IOException {
        int turned = rope.size(headSize);
        if (turned != headSize && (architecture != Architecture.PHI3 || turned > headSize)) {
            throw metadata.fail(
                    prefix
                            + "rope.dimension_count is "
                            + turned
                            + " with heads of "
                            + headSize
                            + "; expected the same");
        }
        if (turned != headSize) {
            config.put("partial_rotary_factor", (double) turned / headSize);
        }
        config.put("rope_theta", rope.theta());
        @Nullable ObjectNode scaling = rope.scaling(headSize, context);
        if (scaling == null) {
            config.putNull("rope_scaling");
        } else {
            config.set("rope_scaling", scaling);
        }
    }

    private boolean hasLayerTensor(String name) {
        return file.tensors().containsKey("blk.0." + name);
    }

    private void putWindow(int window) {
        if (window > 0) {
            config.put("sliding_window", window);
        } else {
            config.putNull("sliding_window");
        }
    }

    private void requireNoWindow(int window) throws GgufException {
        if (window > 0) {
            throw metadata.fail(
                    prefix + "attention.sliding_window is not supported for this architecture");
        }
    }

    private void putSoftCap(String name, double absent) throws GgufException {
        double cap = metadata.number(prefix + name, absent);
        if (cap > 0) {
            config.put(name, cap);
        } else {
            config.putNull(name);
        }
    }

    private void ending(Map<String, OptionalInt> tokenIds, DType dtype) {
        config.put("tie_word_embeddings", !file.tensors().containsKey("output.weight"));
        for (String role : List.of("bos", "eos", "pad")) {
            OptionalInt id = tokenIds.getOrDefault(role, OptionalInt.empty());
            if (id.isPresent()) {
                config.put(role + "_token_id", id.getAsInt());
            } else {
                config.putNull(role + "_token_id");
            }
        }
        config.put("torch_dtype", dtype.toString());
    }
}
