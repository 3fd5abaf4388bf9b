package org.retain4j.core.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.retain4j.core.io.SafetensorsFile;
import org.retain4j.core.io.SafetensorsWriter;
import org.retain4j.core.io.TensorInfo;
import org.retain4j.core.io.TensorSpec;
import org.retain4j.core.tensor.DType;
import org.retain4j.core.tensor.Scope;

/** Weight files as the hub has them: without prefix, with buffers, with and without a head. */
class WeightNamesTest {

    @TempDir Path folder;

    static List<String> families() {
        return ModelFolders.FAMILIES;
    }

    /** Writes the weights of a golden model under other names; null leaves one out. */
    private void rewrite(String model, UnaryOperator<String> rename, List<TensorSpec> buffers)
            throws IOException {
        ModelFolders.copy(model, folder, root -> {});
        Path source = ModelFolders.MODELS.resolve(model).resolve("model.safetensors");
        try (SafetensorsFile golden = SafetensorsFile.open(source)) {
            Map<TensorSpec, String> specs = new LinkedHashMap<>();
            for (TensorInfo info : golden.tensors().values()) {
                String name = rename.apply(info.name());
                if (name != null) {
                    specs.put(new TensorSpec(name, info.dtype(), info.shape()), info.name());
                }
            }
            buffers.forEach(buffer -> specs.put(buffer, ""));
            try (SafetensorsWriter writer =
                    SafetensorsWriter.create(
                            folder.resolve("model.safetensors"),
                            List.copyOf(specs.keySet()),
                            Map.of())) {
                for (Map.Entry<TensorSpec, String> entry : specs.entrySet()) {
                    ByteBuffer bytes = ByteBuffer.allocate((int) entry.getKey().byteCount());
                    if (!entry.getValue().isEmpty()) {
                        golden.read(entry.getValue(), 0, bytes);
                        bytes.flip();
                    }
                    writer.write(entry.getKey().name(), bytes);
                }
                writer.commit();
            }
        }
    }

    private static float[] logits(Path path) throws IOException {
        try (CausalLm model = Pretrained.load(path);
                Scope scope = Scope.open()) {
            return model.logits(TokenBatch.of(5, 77, 300, 12)).toFloatArray();
        }
    }

    @ParameterizedTest
    @MethodSource("families")
    void filesWithoutThePrefixAreTheSameModel(String model) throws IOException {
        rewrite(model, n -> n.replaceFirst("^(model|transformer|gpt_neox)\\.", ""), List.of());
        assertThat(logits(folder)).containsExactly(logits(ModelFolders.MODELS.resolve(model)));
        try (CausalLm loaded = Pretrained.load(folder)) {
            // parameters keep the names of the whole model
            assertThat(loaded.parameters().get(0).name())
                    .isEqualTo(loaded.spec().names().embedding() + ".weight");
        }
    }

    @ParameterizedTest
    @CsvSource({
        "gpt2, transformer.h.0.attn.bias",
        "gpt2, transformer.h.1.attn.masked_bias",
        "gpt_neox, gpt_neox.layers.0.attention.bias",
        "gpt_neox, gpt_neox.layers.1.attention.masked_bias",
        "gpt_neox, gpt_neox.layers.1.attention.rotary_emb.inv_freq",
        "llama, model.layers.0.self_attn.rotary_emb.inv_freq",
        "llama, model.rotary_emb.inv_freq"
    })
    void buffersOfOlderFilesAreNoParameters(String model, String buffer) throws IOException {
        float[] expected = logits(ModelFolders.MODELS.resolve(model));
        rewrite(model, n -> n, List.of(TensorSpec.of(buffer, DType.FLOAT32, 1, 1, 8, 8)));
        assertThat(logits(folder)).containsExactly(expected);
    }

    @Test
    void gpt2AsOnTheHub() throws IOException {
        rewrite(
                "gpt2",
                n -> n.replaceFirst("^transformer\\.", ""),
                List.of(
                        TensorSpec.of("h.0.attn.bias", DType.FLOAT32, 1, 1, 128, 128),
                        TensorSpec.of("h.1.attn.bias", DType.FLOAT32, 1, 1, 128, 128)));
        assertThat(logits(folder)).containsExactly(logits(ModelFolders.MODELS.resolve("gpt2")));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "model.layers.0.self_attn.bias",
                "model.layers.0.self_attn.q_proj.bias",
                "model.layers.2.input_layernorm.weight",
                "model.layers.0.mlp.experts.0.down_proj.weight",
                "model.layers.0.self_attn.q_norm.weight",
                "score.weight"
            })
    void tensorsThatNobodyAsksForAreRefused(String extra) throws IOException {
        rewrite("llama", n -> n, List.of(TensorSpec.of(extra, DType.FLOAT32, 48)));
        assertThatThrownBy(() -> Pretrained.load(folder))
                .isInstanceOf(ModelException.class)
                .hasMessageContainingAll(folder.toString(), extra, "does not use");
    }

    @Test
    void aTiedHeadMayBeInTheFileButASeparateOneMust() throws IOException {
        float[] expected = logits(ModelFolders.MODELS.resolve("smollm2"));
        rewrite(
                "smollm2",
                n -> n,
                List.of(TensorSpec.of("lm_head.weight", DType.FLOAT32, 384, 48)));
        assertThat(logits(folder)).containsExactly(expected);
    }

    @ParameterizedTest
    @CsvSource({"llama, lm_head.weight", "gpt_neox, embed_out.weight", "phi3, lm_head.weight"})
    void aMissingHeadIsNamed(String model, String head) throws IOException {
        rewrite(model, n -> n.equals(head) ? null : n, List.of());
        assertThatThrownBy(() -> Pretrained.load(folder))
                .isInstanceOf(ModelException.class)
                .hasMessageContainingAll(folder.toString(), "has no tensor " + head);
    }
}
