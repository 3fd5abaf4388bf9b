package org.retain4j.core.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Settings that would change the computation are refused by name, never ignored. */
class FamilyRefusalsTest {

    private static void refuses(String model, String key, String json, String... parts) {
        assertThatThrownBy(
                        () ->
                                Pretrained.spec(
                                        ModelFolders.config(model, ModelFolders.set(key, json))))
                .as("%s with %s %s", model, key, json)
                .isInstanceOf(ModelException.class)
                .hasMessageContainingAll(parts)
                .hasMessageContaining("config.json")
                .satisfies(e -> assertThat(e.getMessage()).hasSizeLessThan(500));
    }

    @Test
    void unknownModelsAreRefusedWithTheListOfKnownOnes() {
        refuses(
                "llama",
                "model_type",
                "\"mamba\"",
                "\"mamba\" is not supported",
                "gemma2, gemma3_text, gpt2, gpt_neox, llama, mistral, olmo2, phi3, qwen2, qwen3");
        refuses("gemma3", "model_type", "\"gemma3\"", "\"gemma3\" is not supported", "gemma3_text");
    }

    static Stream<String> families() {
        return ModelFolders.FAMILIES.stream();
    }

    @ParameterizedTest
    @MethodSource("families")
    void settingsThatNoFamilyComputesAreRefused(String model) {
        for (List<String> setting :
                List.of(
                        List.of("quantization_config", "{\"quant_method\": \"gptq\", \"bits\": 4}"),
                        List.of("architectures", "[\"LlamaForSequenceClassification\"]"),
                        List.of("num_local_experts", "8"),
                        List.of("num_experts", "60"),
                        List.of("n_routed_experts", "64"),
                        List.of("moe_intermediate_size", "32"),
                        List.of("kv_lora_rank", "16"),
                        List.of("vision_config", "{\"hidden_size\": 3}"),
                        List.of("text_config", "{}"),
                        List.of("is_encoder_decoder", "true"),
                        List.of("add_cross_attention", "true"),
                        List.of("use_bidirectional_attention", "true"),
                        List.of("attention_chunk_size", "8192"),
                        List.of("attn_temperature_tuning", "true"),
                        List.of("no_rope_layers", "[1, 0]"),
                        List.of("rope_interleave", "true"),
                        List.of("residual_multiplier", "0.22"),
                        List.of("embedding_multiplier", "12.0"),
                        List.of("logits_scaling", "8.0"),
                        List.of("logit_scale", "0.0625"),
                        List.of("scale_emb", "12"),
                        List.of("clip_qkv", "8"),
                        List.of("alibi", "true"),
                        List.of("qk_layernorm", "true"),
                        List.of("use_qk_norm", "true"),
                        List.of("pruned_heads", "{\"0\": [1]}"))) {
            String key = setting.get(0);
            refuses(model, key, setting.get(1), "\"" + key + "\"", "not supported");
        }
    }

    @ParameterizedTest
    @MethodSource("families")
    void settingsThatChangeNothingAreAccepted(String model) throws IOException {
        for (String key :
                List.of(
                        "quantization_config",
                        "clip_qkv",
                        "alibi",
                        "vision_config",
                        "logit_scale")) {
            assertThat(Pretrained.spec(ModelFolders.config(model, ModelFolders.set(key, "null"))))
                    .isEqualTo(Pretrained.spec(ModelFolders.config(model, root -> {})));
        }
        for (String key : List.of("is_encoder_decoder", "use_qk_norm", "add_cross_attention")) {
            Pretrained.spec(ModelFolders.config(model, ModelFolders.set(key, "false")));
        }
    }

    @Test
    void headsThatAreNotThoseOfALanguageModelAreNamed() {
        refuses(
                "llama",
                "architectures",
                "[\"LlamaForSequenceClassification\"]",
                "LlamaForSequenceClassification",
                "expected \"LlamaForCausalLM\"");
        refuses("gpt2", "architectures", "[\"GPT2DoubleHeadsModel\"]", "\"GPT2LMHeadModel\"");
        refuses("llama", "quantization_config", "{}", "\"quantization_config\" is not supported");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "llama | sliding_window | 16 | are computed without it",
                "llama | layer_types | [\"full_attention\"] | expected 2 entries",
                "llama | layer_types | [\"full_attention\",\"sliding_attention\"] | everywhere",
                "llama | layer_types | 3 | expected 2 entries",
                "llama | partial_rotary_factor | 0.5 | are computed without it",
                "llama | attn_logit_softcapping | 50 | are computed without it",
                "llama | use_parallel_residual | true | are computed without it",
                "llama | head_dim | 13 | head_dim 13 is odd",
                "llama | num_key_value_heads | 3 | 4 is not a multiple of num_key_value_heads 3",
                "llama | num_hidden_layers | 1000000000 | expected at most 10000",
                "mistral | layer_types | [\"full_attention\",\"chunked_attention\"] | 2 entries",
                "mistral | sliding_window | 0 | must be a positive integer, is 0",
                "mistral | sliding_window | -1 | must be a positive integer, is -1",
                "mistral | num_hidden_layers | 1000000000 | expected at most 10000",
                "qwen2 | layer_types | [\"full_attention\",\"sliding_attention\"] | use_sliding_window",
                "qwen2 | use_sliding_window | \"yes\" | must be true or false",
                "qwen2 | max_window_layers | -1 | must be an integer of at least 0",
                "qwen2 | num_hidden_layers | 1000000000 | expected at most 10000",
                "gpt2 | scale_attn_by_inverse_layer_idx | true | expected false",
                "gpt2 | n_head | 5 | n_embd 48 is not a multiple of n_head 5",
                "gpt2 | n_layer | 1000000000 | expected at most 10000",
                "gpt2 | activation_function | \"tanh\" | supported are silu, gelu",
                "gpt_neox | num_attention_heads | 7 | not a multiple of num_attention_heads 7",
                "gpt_neox | partial_rotary_factor | 0.5 | this model type reads \"rotary_pct\"",
                "gpt_neox | rope_theta | 500 | this model type reads \"rotary_emb_base\"",
                "gpt_neox | rotary_pct | 0.2 | a share of 0.2 of a head of 16",
                "gemma2 | sliding_window | null | layers of type \"sliding_attention\"",
                "gemma2 | attn_logit_softcapping | 0 | must be a positive number",
                "gemma2 | num_hidden_layers | 1000000000 | expected at most 10000",
                "gemma3 | sliding_window | null | layers of type \"sliding_attention\"",
                "gemma3 | attn_logit_softcapping | 50.0 | are computed without it",
                "gemma3 | rope_parameters | {\"rope_type\":\"default\"} | \"full_attention\" and",
                "gemma3 | rope_parameters | {\"full_attention\":{}} | keep one",
                "gemma3 | rope_parameters | 5 | expected an object",
                "phi3 | layer_types | [\"full_attention\",\"full_attention\"] | are computed without it",
                "olmo2 | sliding_window | 16 | are computed without it"
            })
    void settingsOfAFamilyThatItDoesNotComputeAreNamed(
            String model, String key, String json, String message) {
        refuses(model, key, json, message);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "llama | {\"rope_type\":\"proportional\"} | supported rope types are default, linear",
                "llama | {\"rope_type\":\"mrope\",\"mrope_section\":[1]} | supported rope types",
                "llama | {\"rope_type\":5} | supported rope types",
                "llama | {\"rope_type\":\"default\",\"mrope_section\":[1]} | \"mrope_section\" is unknown",
                "llama | {\"rope_type\":\"default\",\"factor\":2} | its \"factor\" is unknown",
                "llama | {\"rope_type\":\"default\",\"partial_rotary_factor\":0.5} | whole heads",
                "llama | {\"full_attention\":{}} | its \"full_attention\" is unknown",
                "llama | {\"factor\":2} | expected an object with a",
                "llama | [] | expected an object with a",
                "llama | {\"rope_type\":\"linear\"} | it has no \"factor\"",
                "llama | {\"rope_type\":\"linear\",\"factor\":0.5} | factor must be at least 1",
                "llama | {\"rope_type\":\"linear\",\"factor\":\"2\"} | must be a positive number",
                "llama | {\"rope_type\":\"dynamic\",\"factor\":2,\"alpha\":1000} | \"alpha\" is unknown",
                "llama | {\"rope_type\":\"llama3\",\"factor\":2,\"low_freq_factor\":4,\"high_freq_factor\":1} | must be above",
                "llama | {\"rope_type\":\"yarn\",\"factor\":2,\"truncate\":\"no\"} | truncate must be",
                "llama | {\"rope_type\":\"yarn\",\"factor\":2,\"finetuned\":true} | \"finetuned\" is unknown",
                "llama | {\"rope_type\":\"yarn\",\"factor\":2,\"rope_theta\":1} | above 1",
                "llama | {\"rope_type\":\"yarn\",\"factor\":2,\"mscale\":\"1\",\"mscale_all_dim\":1} | must be a positive number",
                "phi3 | {\"rope_type\":\"linear\",\"factor\":2} | default and longrope",
                "phi3 | {\"rope_type\":\"longrope\"} | short_factor must be a list of 6 numbers",
                "phi3 | {\"rope_type\":\"longrope\",\"short_factor\":[1,1,1,1,1,1],\"long_factor\":[1]} | long_factor must be a list of 6",
                "phi3 | {\"rope_type\":\"longrope\",\"short_factor\":[1,1,1,1,1,\"a\"],\"long_factor\":[1]} | must be a positive number",
                "gpt_neox | {\"rope_type\":\"default\",\"partial_rotary_factor\":2} | a share of 2.0"
            })
    void wrongRopeSettingsAreNamed(String model, String json, String message) {
        refuses(model, "rope_parameters", json, message, "rope_parameters");
    }
}
