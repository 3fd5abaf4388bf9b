package org.retain4j.core.io.gguf;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.retain4j.core.io.SafetensorsFolder;
import org.retain4j.core.io.TensorInfo;
import org.retain4j.core.io.TensorSource;
import org.retain4j.core.text.Tokenizer;

/**
 * SmolLM2-135M-Instruct as GGUF (Q4_1, Q8_0 and F32 tensors) against the Hugging Face folder that
 * another program made of it.
 *
 * <p>Reads both from the folder named by the system property {@code retain4j.models}: {@code
 * SmolLM2-135M-Instruct.Q4_1.gguf} and {@code SmolLM2-135M-Instruct/}.
 */
@Tag("model")
class RealGgufModelTest {

    private static final ObjectMapper JSON = new ObjectMapper();
    private static final String NAME = "SmolLM2-135M-Instruct";

    private Path gguf = Path.of("");
    private Path folder = Path.of("");

    @BeforeEach
    void find() {
        String models = System.getProperty("retain4j.models", "");
        gguf = Path.of(models).resolve(NAME + ".Q4_1.gguf");
        folder = Path.of(models).resolve(NAME);
        assumeTrue(
                Files.isRegularFile(gguf) && Files.isDirectory(folder),
                "no " + NAME + " in the folder of the system property retain4j.models");
    }

    @Test
    void everyTensorEqualsTheOtherProgramsToBf16Rounding() throws IOException {
        try (GgufModel model = GgufModel.open(gguf);
                TensorSource other = SafetensorsFolder.open(folder)) {
            TensorSource ours = model.tensors();
            assertThat(ours.tensors().keySet()).isEqualTo(other.tensors().keySet());
            for (TensorInfo info : other.tensors().values()) {
                assertThat(ours.tensor(info.name()).shape()).isEqualTo(info.shape());
                ByteBuffer expected = other.map(info.name(), 0, (int) info.byteCount());
                int part = 1 << 20;
                long elements = info.elementCount();
                for (long done = 0; done < elements; done += part) {
                    int count = (int) Math.min(part, elements - done);
                    ByteBuffer found = ours.map(info.name(), 4 * done, 4 * count);
                    ByteBuffer rounded =
                            ByteBuffer.allocate(2 * count).order(ByteOrder.LITTLE_ENDIAN);
                    for (int i = 0; i < count; i++) {
                        int bits = found.getInt(4 * i);
                        rounded.putShort((short) (bits + 0x7FFF + (bits >> 16 & 1) >> 16));
                    }
                    assertThat(rounded.flip().mismatch(expected.slice((int) (2 * done), 2 * count)))
                            .as(info.name())
                            .isEqualTo(-1);
                }
            }
        }
    }

    @Test
    void configurationAndChatTemplateAreEqual() throws IOException {
        try (GgufModel model = GgufModel.open(gguf)) {
            JsonNode config = JSON.readTree(model.configJson());
            JsonNode expected = GgufModelTest.json(folder.resolve("config.json"));
            for (String key :
                    List.of(
                            "architectures",
                            "model_type",
                            "vocab_size",
                            "hidden_size",
                            "intermediate_size",
                            "num_hidden_layers",
                            "num_attention_heads",
                            "num_key_value_heads",
                            "head_dim",
                            "max_position_embeddings",
                            "rms_norm_eps",
                            "rope_theta",
                            "rope_scaling",
                            "hidden_act",
                            "attention_bias",
                            "mlp_bias",
                            "bos_token_id",
                            "eos_token_id",
                            "pad_token_id",
                            "tie_word_embeddings")) {
                assertThat(config.get(key)).as(key).isEqualTo(expected.get(key));
            }
            JsonNode tokenizer = JSON.readTree(model.sidecars().get("tokenizer_config.json"));
            JsonNode other = GgufModelTest.json(folder.resolve("tokenizer_config.json"));
            for (String key : List.of("chat_template", "bos_token", "eos_token", "pad_token")) {
                assertThat(tokenizer.get(key)).as(key).isEqualTo(other.get(key));
            }
            assertThat(model.storedTypes().keySet()).containsExactly("F32", "Q4_1", "Q8_0");
        }
    }

    @Test
    void idsAreEqual() throws IOException {
        JsonNode cases = GgufModelTest.json(GgufModelTest.golden("tokenizer/cases.json"));
        JsonNode expected = cases.get("tokenizers").get(NAME);
        try (GgufModel model = GgufModel.open(gguf);
                Tokenizer ours = GgufTokenizerTest.tokenizer(model);
                Tokenizer other = Tokenizer.load(folder)) {
            assertThat(ours.vocabularySize()).isEqualTo(other.vocabularySize());
            for (int i = 0; i < cases.get("texts").size(); i++) {
                String text = cases.get("texts").get(i).asText();
                int[] ids = JSON.convertValue(expected.get("ids_plain").get(i), int[].class);
                assertThat(ours.encode(text)).as(text).isEqualTo(ids);
                assertThat(other.encode(text)).as(text).isEqualTo(ids);
                assertThat(ours.decode(ids, true))
                        .isEqualTo(expected.get("decoded_skip").get(i).asText());
            }
            int[] longIds = JSON.convertValue(expected.get("long_ids"), int[].class);
            assertThat(ours.encode(cases.get("long_text").asText())).isEqualTo(longIds);
        }
    }
}
