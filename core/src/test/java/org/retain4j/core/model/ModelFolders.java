package org.retain4j.core.model;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Consumer;

/** Golden models with another configuration beside their weights. */
final class ModelFolders {

    static final Path MODELS = Path.of("src/test/resources/golden/models");
    static final List<String> FAMILIES =
            List.of(
                    "llama",
                    "llama3",
                    "smollm2",
                    "mistral",
                    "qwen2",
                    "qwen3",
                    "gpt2",
                    "gpt_neox",
                    "gemma2",
                    "gemma3",
                    "phi3",
                    "olmo2");
    private static final ObjectMapper JSON = new ObjectMapper();

    private ModelFolders() {}

    /** Copies a model into an empty folder and changes its configuration. */
    static Path copy(String name, Path folder, Consumer<ObjectNode> change) throws IOException {
        for (String file :
                List.of(
                        "config.json",
                        "model.safetensors",
                        "tokenizer.json",
                        "tokenizer_config.json")) {
            Files.copy(MODELS.resolve(name).resolve(file), folder.resolve(file));
        }
        Path config = folder.resolve("config.json");
        config.toFile().setWritable(true);
        folder.resolve("model.safetensors").toFile().setWritable(true);
        ObjectNode root = (ObjectNode) JSON.readTree(config.toFile());
        change.accept(root);
        JSON.writeValue(config.toFile(), root);
        return folder;
    }

    /** Returns the configuration of a model, changed. */
    static ModelConfig config(String name, Consumer<ObjectNode> change) throws IOException {
        ObjectNode root =
                (ObjectNode) JSON.readTree(MODELS.resolve(name).resolve("config.json").toFile());
        change.accept(root);
        return ModelConfig.parse("config.json", root.toString());
    }

    /** Sets a key to a value written in JSON; removes it when there is no text. */
    static Consumer<ObjectNode> set(String key, String json) {
        return root -> {
            try {
                if (json.isEmpty()) {
                    root.remove(key);
                } else {
                    root.set(key, JSON.readTree(json));
                }
            } catch (IOException e) {
                throw new AssertionError(e);
            }
        };
    }
}
