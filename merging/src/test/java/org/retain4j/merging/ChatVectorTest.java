package org.retain4j.merging;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.retain4j.core.io.TensorInfo;

class ChatVectorTest {

    @TempDir Path folder = Path.of("");

    private static Path files(String name) {
        return Fixtures.golden().resolve("chatvector").resolve(name);
    }

    private static ChatVector recipe(boolean skip, Map<Integer, Integer> tokens, double... ratios) {
        List<String> models = List.of("chat", "chat2");
        List<ChatVector.Chat> chats = new ArrayList<>();
        for (int i = 0; i < ratios.length; i++) {
            chats.add(new ChatVector.Chat(files(models.get(i)), ratios[i]));
        }
        return new ChatVector(files("pretrained"), files("continued"), chats, skip, tokens);
    }

    private void equals(ChatVector recipe, String expected) throws IOException {
        Path out = folder.resolve(expected);
        recipe.run(out);
        Path file = files("expected_" + expected + ".safetensors");
        try (Weights golden = Weights.ofFile(file);
                Weights ours = Weights.ofModel(out)) {
            for (TensorInfo info : golden.tensors().values()) {
                float[] a = Fixtures.read(ours, info.name());
                float[] b = Fixtures.read(golden, info.name());
                assertThat(a).as(info.name()).hasSameSizeAs(b);
                for (int k = 0; k < a.length; k++) {
                    assertThat(a[k]).as(info.name() + " " + k).isCloseTo(b[k], within(1e-6f));
                }
            }
        }
    }

    @Test
    void equalsTheFormula() throws IOException {
        equals(recipe(false, Map.of(), 1), "ratio_1_shared_rows");
        equals(recipe(false, Map.of(), 0.5), "ratio_half_shared_rows");
        equals(recipe(true, Map.of(), 1), "ratio_1_skip_embed");
        equals(recipe(true, Map.of(), 0.5, 0.5), "two_vectors_skip_embed");
        equals(recipe(true, Map.of(301, 1, 304, 2), 1), "skip_embed_special_rows");
    }

    @Test
    void takesTheTemplateAndTheEndOfTheChatModel() throws IOException {
        Map<String, float[]> tensors = Map.of("model.norm.weight", new float[] {1, 2});
        Path base = Fixtures.model(folder.resolve("base"), tensors);
        Path chat = Fixtures.model(folder.resolve("chat"), tensors);
        Path continued = Fixtures.model(folder.resolve("continued"), tensors);
        Files.writeString(
                chat.resolve("tokenizer_config.json"),
                "{\"chat_template\": \"T\", \"eos_token\": \"<end>\", \"other\": 1}");
        Files.writeString(
                continued.resolve("tokenizer_config.json"),
                "{\"eos_token\": \"</s>\", \"other\": 2}");
        Files.writeString(continued.resolve("tokenizer.json"), "{}");
        Path out = folder.resolve("out");
        ChatVector.of(base, chat, continued).run(out);
        assertThat(out.resolve("tokenizer.json")).hasContent("{}");
        assertThat(Files.readString(out.resolve("tokenizer_config.json")))
                .contains("\"T\"", "<end>", "\"other\" : 2");
        assertThat(ChatVector.template(out)).isEqualTo("T");
    }

    @Test
    void refusesRowsThatDoNotExistAndMissingTensors() throws IOException {
        Path out = folder.resolve("out");
        assertThatThrownBy(() -> recipe(true, Map.of(9999, 1), 1).run(out))
                .isInstanceOf(MergeException.class)
                .hasMessageContaining("Token id 9999");
        assertThatThrownBy(() -> recipe(true, Map.of(301, -1), 1).run(out))
                .isInstanceOf(MergeException.class)
                .hasMessageContaining("Token id -1");
        Path other = Fixtures.model(folder.resolve("other"), Map.of("x", new float[2]));
        assertThatThrownBy(
                        () ->
                                ChatVector.of(files("pretrained"), other, files("continued"))
                                        .run(out))
                .isInstanceOf(MergeException.class)
                .hasMessageContaining("has no tensor");
        assertThat(out.resolve("model.safetensors")).doesNotExist();
        assertThatThrownBy(() -> recipe(false, Map.of(301, 1), 1))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> recipe(false, Map.of()))
                .isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void findsTheRowsOfTokensByTextAndId() throws IOException {
        Path models = Fixtures.golden().resolve("rows/models");
        Map<Integer, Integer> rows =
                ChatVector.tokenRows(
                        models.resolve("v_ext"),
                        models.resolve("base"),
                        Map.of("<|bot|>", "</s>", "#301", "#1"));
        assertThat(rows).isEqualTo(Map.of(302, 2, 301, 1));
        assertThatThrownBy(
                        () ->
                                ChatVector.tokenRows(
                                        models.resolve("v_ext"),
                                        models.resolve("base"),
                                        Map.of("<|bot|>", "<|bot|>")))
                .isInstanceOf(MergeException.class)
                .hasMessageContaining("has no token <|bot|>");
    }
}
