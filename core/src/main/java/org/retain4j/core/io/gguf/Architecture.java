package org.retain4j.core.io.gguf;

import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * The model architectures whose GGUF files can be read, each with its Hugging Face tensor names.
 *
 * <p>What the converters of llama.cpp change besides names is undone tensor by tensor, see {@link
 * Change}. They permute query and key rows only for {@code llama}, where the rotary embedding turns
 * neighbouring elements; all others turn halves, as transformers does.
 */
enum Architecture {
    LLAMA("llama", "llama", "LlamaForCausalLM", Names.decoder().permuted()),
    QWEN2("qwen2", "qwen2", "Qwen2ForCausalLM", Names.decoder()),
    QWEN3("qwen3", "qwen3", "Qwen3ForCausalLM", Names.decoder().headNorms()),
    GEMMA2("gemma2", "gemma2", "Gemma2ForCausalLM", Names.decoder().sandwichNorms().normsPlusOne()),
    GEMMA3(
            "gemma3",
            "gemma3_text",
            "Gemma3ForCausalLM",
            Names.decoder().headNorms().sandwichNorms().normsPlusOne()),
    PHI3("phi3", "phi3", "Phi3ForCausalLM", Names.decoder().fused()),
    OLMO2("olmo2", "olmo2", "Olmo2ForCausalLM", Names.decoder().headNorms().postNorms()),
    GPT2("gpt2", "gpt2", "GPT2LMHeadModel", Names.gpt2());

    /** What a converter did to the values of a tensor and reading has to undo. */
    enum Change {
        NONE,
        /** Rows of each query head: element s d/2 + j of the head lies at 2 j + s, s in {0, 1}. */
        QUERY_ROWS,
        /** The same of each key head. */
        KEY_ROWS,
        /** The weight of a norm lies increased by one. */
        PLUS_ONE,
        /** A matrix lies transposed. */
        TRANSPOSED
    }

    /** The Hugging Face name of a tensor and what happened to it. */
    record Target(String name, Change change) {}

    private static final Pattern LAYER = Pattern.compile("blk\\.(0|[1-9][0-9]{0,5})\\.(.+)");

    private final String ggufName;
    private final String modelType;
    private final String className;
    private final Names names;

    Architecture(String ggufName, String modelType, String className, Names names) {
        this.ggufName = ggufName;
        this.modelType = modelType;
        this.className = className;
        this.names = names;
    }

    /** Returns the architecture named in {@code general.architecture}, or null. */
    static @Nullable Architecture of(String ggufName) {
        for (Architecture architecture : values()) {
            if (architecture.ggufName.equals(ggufName)) {
                return architecture;
            }
        }
        return null;
    }

    /** Returns the names of all architectures, for messages. */
    static String supported() {
        return Arrays.stream(values()).map(a -> a.ggufName).collect(Collectors.joining(", "));
    }

    String ggufName() {
        return ggufName;
    }

    String modelType() {
        return modelType;
    }

    String className() {
        return className;
    }

    /** Returns where a tensor of the file belongs, or null when the architecture has none such. */
    @Nullable Target target(String ggufTensor) {
        Matcher layer = LAYER.matcher(ggufTensor);
        if (!layer.matches()) {
            return names.whole.get(ggufTensor);
        }
        Target target = names.layer.get(layer.group(2));
        return target == null
                ? null
                : new Target(
                        names.layerPrefix + layer.group(1) + "." + target.name(), target.change());
    }

    /** Tensor names, built up from what most decoders have in common. */
    private static final class Names {
        private final String layerPrefix;
        private final Map<String, Target> whole = new HashMap<>();
        private final Map<String, Target> layer = new HashMap<>();

        private Names(String layerPrefix) {
            this.layerPrefix = layerPrefix;
        }

        static Names decoder() {
            Names names = new Names("model.layers.");
            names.whole("token_embd.weight", "model.embed_tokens.weight");
            names.whole("output_norm.weight", "model.norm.weight");
            names.whole("output.weight", "lm_head.weight");
            names.both("attn_q", "self_attn.q_proj", Change.NONE);
            names.both("attn_k", "self_attn.k_proj", Change.NONE);
            names.both("attn_v", "self_attn.v_proj", Change.NONE);
            names.both("attn_output", "self_attn.o_proj", Change.NONE);
            names.both("ffn_gate", "mlp.gate_proj", Change.NONE);
            names.both("ffn_up", "mlp.up_proj", Change.NONE);
            names.both("ffn_down", "mlp.down_proj", Change.NONE);
            names.norm("attn_norm", "input_layernorm");
            names.norm("ffn_norm", "post_attention_layernorm");
            return names;
        }

        static Names gpt2() {
            Names names = new Names("transformer.h.");
            names.whole("token_embd.weight", "transformer.wte.weight");
            names.whole("position_embd.weight", "transformer.wpe.weight");
            names.whole("output_norm.weight", "transformer.ln_f.weight");
            names.whole("output_norm.bias", "transformer.ln_f.bias");
            names.whole("output.weight", "lm_head.weight");
            names.both("attn_qkv", "attn.c_attn", Change.TRANSPOSED);
            names.both("attn_output", "attn.c_proj", Change.TRANSPOSED);
            names.both("ffn_up", "mlp.c_fc", Change.TRANSPOSED);
            names.both("ffn_down", "mlp.c_proj", Change.TRANSPOSED);
            names.both("attn_norm", "ln_1", Change.NONE);
            names.both("ffn_norm", "ln_2", Change.NONE);
            return names;
        }

        Names permuted() {
            both("attn_q", "self_attn.q_proj", Change.QUERY_ROWS);
            both("attn_k", "self_attn.k_proj", Change.KEY_ROWS);
            return this;
        }

        Names headNorms() {
            norm("attn_q_norm", "self_attn.q_norm");
            norm("attn_k_norm", "self_attn.k_norm");
            return this;
        }

        Names sandwichNorms() {
            norm("post_attention_norm", "post_attention_layernorm");
            norm("ffn_norm", "pre_feedforward_layernorm");
            norm("post_ffw_norm", "post_feedforward_layernorm");
            return this;
        }

        Names postNorms() {
            layer.keySet().removeAll(List.of("attn_norm.weight", "ffn_norm.weight"));
            norm("post_attention_norm", "post_attention_layernorm");
            norm("post_ffw_norm", "post_feedforward_layernorm");
            return this;
        }

        Names fused() {
            layer.keySet().removeIf(name -> name.matches("(attn_[qkv]|ffn_gate)\\..*"));
            both("attn_qkv", "self_attn.qkv_proj", Change.NONE);
            both("ffn_up", "mlp.gate_up_proj", Change.NONE);
            return this;
        }

        Names normsPlusOne() {
            for (Map<String, Target> map : List.of(whole, layer)) {
                map.replaceAll(
                        (name, target) ->
                                name.endsWith("norm.weight")
                                        ? new Target(target.name(), Change.PLUS_ONE)
                                        : target);
            }
            return this;
        }

        private void whole(String gguf, String name) {
            whole.put(gguf, new Target(name, Change.NONE));
        }

        private void norm(String gguf, String name) {
            layer.put(gguf + ".weight", new Target(name + ".weight", Change.NONE));
        }

        private void both(String gguf, String name, Change change) {
            layer.put(gguf + ".weight", new Target(name + ".weight", change));
            Change ofBias = change == Change.TRANSPOSED ? Change.NONE : change;
            layer.put(gguf + ".bias", new Target(name + ".bias", ofBias));
        }
    }
}
