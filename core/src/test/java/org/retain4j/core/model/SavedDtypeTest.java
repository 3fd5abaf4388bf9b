package org.retain4j.core.model;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.retain4j.core.tensor.Device;
import org.retain4j.core.tensor.Precision;

/** A saved configuration names the type of the saved weights, or readers would round them. */
class SavedDtypeTest {

    private static final String SHAPE =
            "\"model_type\":\"llama\",\"vocab_size\":8,\"hidden_size\":4,\"intermediate_size\":4,"
                    + "\"num_hidden_layers\":1,\"num_attention_heads\":2";

    @TempDir Path folder;

    @ParameterizedTest
    @ValueSource(strings = {"torch_dtype", "dtype"})
    void aHalfPrecisionConfigurationBecomesFloat32(String key) throws Exception {
        save("{" + SHAPE + ",\"" + key + "\":\"bfloat16\"}");
        assertThat(
                        new ObjectMapper()
                                .readTree(folder.resolve("config.json").toFile())
                                .get(key)
                                .asText())
                .isEqualTo("float32");
    }

    @Test
    void aConfigurationWithoutATypeStaysAsItIs() throws Exception {
        save("{" + SHAPE + "}");
        assertThat(folder.resolve("config.json")).hasContent("{" + SHAPE + "}");
    }

    private void save(String config) throws Exception {
        try (CausalLm model =
                CausalLm.random(
                        ModelConfig.parse("config.json", config), 1, Device.CPU, Precision.F32)) {
            model.save(folder);
        }
    }
}
