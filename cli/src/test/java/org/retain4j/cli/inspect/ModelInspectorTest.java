package org.retain4j.cli.inspect;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.retain4j.core.io.ShardedWriter;
import org.retain4j.core.io.TensorSpec;
import org.retain4j.core.tensor.DType;

class ModelInspectorTest {

    @TempDir Path folder;

    private Path model;

    private static void weights(Path folder, List<TensorSpec> specs, long shard)
            throws IOException {
        try (ShardedWriter writer =
                ShardedWriter.create(folder, specs, Map.of("format", "pt"), shard)) {
            for (TensorSpec spec : specs) {
                writer.write(spec.name(), ByteBuffer.allocate((int) spec.byteCount()));
            }
            writer.commit();
        }
    }

    /** A model of twelve layers, one of which has another shape. */
    @BeforeEach
    void writeModel() throws IOException {
        model = Files.createDirectory(folder.resolve("model"));
        List<TensorSpec> specs = new ArrayList<>();
        specs.add(TensorSpec.of("model.embed_tokens.weight", DType.BFLOAT16, 10, 4));
        for (int layer = 0; layer < 12; layer++) {
            String name = "model.layers." + layer;
            specs.add(TensorSpec.of(name + ".self_attn.q_proj.weight", DType.BFLOAT16, 4, 4));
            specs.add(TensorSpec.of(name + ".self_attn.q_norm.weight", DType.BFLOAT16, 4));
            specs.add(
                    TensorSpec.of(
                            name + ".mlp.up_proj.weight", DType.BFLOAT16, layer == 5 ? 9 : 8, 4));
        }
        specs.add(TensorSpec.of("model.rotary_emb.inv_freq", DType.FLOAT32, 2));
        specs.add(TensorSpec.of("model.norm.weight", DType.FLOAT32, 4));
        weights(model, specs, 800);
        Files.writeString(
                model.resolve("config.json"),
                "{\"model_type\":\"llama\",\"hidden_size\":4,\"vocab_size\":10,\"rope_scaling\":null,"
                        + "\"tie_word_embeddings\":true,\"architectures\":[\"LlamaForCausalLM\"]}");
        Files.writeString(
                model.resolve("tokenizer.json"),
                """
                {"version":"1.0","added_tokens":[{"id":2,"content":"<s>\\u001b[2J","single_word":false,
                 "lstrip":false,"rstrip":false,"normalized":false,"special":true}],
                 "model":{"type":"BPE","vocab":{"a":0,"b":1},"merges":[]}}""");
        Files.writeString(
                model.resolve("tokenizer_config.json"),
                "{\"eos_token\":\"b\",\"chat_template\":\"\\n{% for m in messages %}\\n…\"}");
        Files.writeString(
                model.resolve("README.md"), "---\ntags: [x]\nlicense: mit\n---\n# Model\n");
    }

    @Test
    void showsAModelFolder() throws IOException {
        ModelFacts facts = ModelInspector.inspect(model);
        assertThat(facts.parameters())
                .containsExactly(
                        Map.entry("embedding", 40L),
                        Map.entry("attention", 192L),
                        Map.entry("MLP", 388L),
                        Map.entry("norms", 52L));
        assertThat(facts.totalParameters()).isEqualTo(672);
        String text = InspectionText.render(facts, false);
        assertThat(text.lines()).allMatch(line -> line.length() <= 100);
        assertThat(text)
                .contains("model folder")
                .contains("weights in 2 shards")
                .contains("the head is the embedding")
                .containsPattern("licence +mit \\(README.md\\)")
                .containsPattern("architectures +\\[\"LlamaForCausalLM\"]")
                .containsPattern("tokenizer +BPE with 3 tokens")
                .containsPattern("added tokens +1: <s>\\?\\[2J")
                .containsPattern("special tokens +eos 1\n")
                .containsPattern(
                        "chat template +26 characters in tokenizer_config.json: \\{% for m in")
                .containsPattern(
                        "model.layers.0-11.self_attn.q_proj.weight +BF16 +4 x 4 +12 +384 B")
                .containsPattern("model.layers.0-4,6-11.mlp.up_proj.weight +BF16 +8 x 4 +11 +704 B")
                .containsPattern("model.layers.5.mlp.up_proj.weight +BF16 +9 x 4 +1 +72 B")
                .containsPattern("\nall +39 +1.4 kB\n$")
                .doesNotContain("rope_scaling")
                .doesNotContain("\u001b");
        assertThat(InspectionText.render(facts, true))
                .contains("model.layers.7.mlp.up_proj.weight")
                .doesNotContain("0-11");
    }

    @ParameterizedTest
    @ValueSource(strings = {"tokenizer.json", "tokenizer_config.json"})
    void aBrokenTokenizerHidesNothingElse(String file) throws IOException {
        Files.writeString(model.resolve(file), "{\"model\":");
        ModelFacts facts = ModelInspector.inspect(model);
        assertThat(facts.tokenizerError()).contains(file, "not valid JSON");
        assertThat(facts.tokenizer()).isNull();
        assertThat(facts.totalParameters()).isEqualTo(672);
        assertThat(InspectionText.render(facts, false))
                .containsPattern("tokenizer error +" + Pattern.quote(folder.toString()))
                .doesNotContainPattern("tokenizer +none")
                .containsPattern("\nall +39 +1.4 kB\n$");
        if (file.equals("tokenizer.json")) {
            assertThat(facts.chatTemplate()).isNotNull();
        }
    }

    @Test
    void hasTheSameFactsAsJson() throws IOException {
        JsonNode json = new ObjectMapper().valueToTree(ModelInspector.inspect(model));
        assertThat(json.get("kind").asText()).isEqualTo("model folder");
        assertThat(json.get("config").get("hidden_size").asInt()).isEqualTo(4);
        assertThat(json.get("tensors")).hasSize(39);
        assertThat(json.get("tensors").get(0).get("shape").get(0).asLong()).isEqualTo(10);
        assertThat(json.get("tokenizer").get("endIds").get(0).asInt()).isEqualTo(1);
        assertThat(json.get("totalBytes").asLong()).isEqualTo(1360);
        assertThat(json.get("licence").asText()).isEqualTo("mit (README.md)");
    }

    @Test
    void findsLicenceAndTemplateInFilesOfTheirOwn() throws IOException {
        Files.delete(model.resolve("README.md"));
        Files.writeString(model.resolve("LICENSE.txt"), "\n   Apache License\n Version 2.0\n");
        Files.writeString(model.resolve("chat_template.jinja"), "own");
        ModelFacts facts = ModelInspector.inspect(model);
        assertThat(facts.licence()).isEqualTo("Apache License (LICENSE.txt)");
        assertThat(facts.chatTemplate())
                .isEqualTo(new ModelFacts.ChatTemplateFacts("chat_template.jinja", 3, "own"));
    }

    @Test
    void showsAnAdapterFolder() throws IOException {
        Path adapter = Files.createDirectory(folder.resolve("adapter"));
        weights(
                adapter,
                List.of(
                        TensorSpec.of(
                                "base_model.model.model.layers.3.mlp.up_proj.lora_A.weight",
                                DType.FLOAT32,
                                2,
                                4)),
                1000);
        Files.move(
                adapter.resolve("model.safetensors"), adapter.resolve("adapter_model.safetensors"));
        Files.writeString(
                adapter.resolve("adapter_config.json"),
                "{\"peft_type\":\"LORA\",\"r\":2,\"target_modules\":[\"up_proj\"],\"rank_pattern\":{}}");
        ModelFacts facts = ModelInspector.inspect(adapter);
        assertThat(facts.kind()).isEqualTo("adapter folder");
        assertThat(facts.config()).containsOnlyKeys("peft_type", "r", "target_modules");
        assertThat(facts.parameters()).containsExactly(Map.entry("MLP", 8L));
        assertThat(InspectionText.render(facts, false)).containsPattern("tokenizer +none");
        Files.delete(adapter.resolve("adapter_model.safetensors"));
        Files.writeString(adapter.resolve("adapter_model.bin"), "");
        assertThatThrownBy(() -> ModelInspector.inspect(adapter))
                .isInstanceOf(IOException.class)
                .hasMessageContainingAll("adapter_model.bin", "pickle");
    }

    @Test
    void showsASingleFile() throws IOException {
        weights(model, List.of(TensorSpec.of("w", DType.INT64, 3)), 1000);
        ModelFacts facts = ModelInspector.inspect(model.resolve("model.safetensors"));
        assertThat(facts.kind()).isEqualTo("safetensors file");
        assertThat(facts.parameters()).containsExactly(Map.entry("other", 3L));
        assertThat(facts.licence()).isNull();
    }

    @Test
    void saysWhatIsWrong() throws IOException {
        assertThatThrownBy(() -> ModelInspector.inspect(folder.resolve("no")))
                .isInstanceOf(IOException.class)
                .hasMessageContainingAll("does not exist", "give a model folder");
        assertThatThrownBy(() -> ModelInspector.inspect(model.resolve("README.md")))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("neither a folder nor");
        assertThatThrownBy(() -> ModelInspector.inspect(folder))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("config.json");
        for (String wrong : List.of("{", "[1]", "{\"a\":1,\"a\":2}", "[".repeat(1000))) {
            Files.writeString(model.resolve("config.json"), wrong);
            assertThatThrownBy(() -> ModelInspector.inspect(model))
                    .isInstanceOf(IOException.class)
                    .hasMessageContainingAll("config.json", "download it again");
        }
        Path gguf = Files.writeString(folder.resolve("x.gguf"), "GGUF");
        assertThatThrownBy(() -> ModelInspector.inspect(gguf))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("x.gguf");
    }

    @ParameterizedTest
    @CsvSource({
        "lm_head.weight, HEAD",
        "embed_out.weight, HEAD",
        "gpt_neox.embed_in.weight, EMBEDDING",
        "transformer.wpe.weight, EMBEDDING",
        "wte.weight, EMBEDDING",
        "model.layers.0.self_attn.q_proj.bias, ATTENTION",
        "transformer.h.0.attn.c_attn.bias, ATTENTION",
        "h.0.attn.bias, BUFFERS",
        "gpt_neox.layers.1.attention.masked_bias, BUFFERS",
        "gpt_neox.layers.1.attention.dense.bias, ATTENTION",
        "h.3.ln_1.weight, NORMS",
        "transformer.ln_f.bias, NORMS",
        "model.layers.0.post_feedforward_layernorm.weight, NORMS",
        "model.layers.0.self_attn.k_norm.weight, NORMS",
        "model.layers.1.mlp.experts.7.w1.weight, MLP",
        "model.layers.1.block.scale, OTHER"
    })
    void tellsPartsByName(String name, ParameterPart part) {
        assertThat(ParameterPart.of(name)).isEqualTo(part);
    }

    @ParameterizedTest
    @CsvSource({
        "0, 0 B",
        "999, 999 B",
        "1000, 1.0 kB",
        "999949, 999.9 kB",
        "999950, 1.0 MB",
        "269060552, 269.1 MB",
        "9223372036854775807, 9.2 EB"
    })
    void writesSizes(long bytes, String text) {
        assertThat(InspectionText.bytes(bytes)).isEqualTo(text);
    }
}
