package org.retain4j.merging;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import org.retain4j.core.io.TensorInfo;

/** The opened models of a plan. */
final class MergeInputs implements AutoCloseable {

    private static final ObjectMapper JSON = new ObjectMapper();
    private static final long MAX_CONFIG = 16L << 20;

    private final Map<ModelReference, Weights> models = new LinkedHashMap<>();

    /**
     * Opens all models.
     *
     * @param root where relative paths start
     * @param named folders of models that have a name
     */
    static MergeInputs open(MergePlan plan, Path root, Map<String, Path> named) throws IOException {
        MergeInputs inputs = new MergeInputs();
        try {
            for (ModelReference reference : plan.needed()) {
                Path own = named.get(reference.path());
                Path folder = own != null ? own : folder(plan, root, reference.path());
                String adapter = reference.adapter().orElse(null);
                inputs.models.put(
                        reference,
                        adapter == null
                                ? Weights.ofModel(folder)
                                : Weights.ofModel(folder, folder(plan, root, adapter)));
            }
            return inputs;
        } catch (Throwable e) {
            inputs.close();
            throw e;
        }
    }

    private static Path folder(MergePlan plan, Path root, String path) throws MergeException {
        Path folder;
        try {
            folder = root.resolve(path);
        } catch (InvalidPathException e) {
            throw new MergeException(plan.file + ": " + path + " cannot be a path", e);
        }
        if (!Files.isDirectory(folder)) {
            throw new MergeException(
                    plan.file
                            + ": there is no folder "
                            + folder
                            + "; download "
                            + path
                            + " and name its folder");
        }
        return folder;
    }

    Weights get(ModelReference reference) {
        Weights weights = models.get(reference);
        if (weights == null) {
            throw new IllegalStateException(reference + " is not opened");
        }
        return weights;
    }

    Map<ModelReference, Weights> all() {
        return models;
    }

    /** Returns the number of layers of a module, which the names of the tensors tell. */
    static int layers(Weights weights, MergePlan.Module module) {
        int layers = 0;
        for (TensorInfo info : weights.tensors().values()) {
            if (!module.has(info.name())) {
                continue;
            }
            layers = Math.max(layers, Layers.of(info.name()).orElse(-1) + 1);
        }
        return layers;
    }

    static ObjectNode config(Path folder) throws IOException {
        Path file = folder.resolve("config.json");
        if (!Files.isRegularFile(file) || Files.size(file) > MAX_CONFIG) {
            throw new MergeException(
                    file + " is missing or larger than 16 MB; expected the model's configuration");
        }
        try {
            JsonNode node = JSON.readTree(Files.readAllBytes(file));
            if (node instanceof ObjectNode config) {
                return config;
            }
        } catch (JsonProcessingException e) {
            throw new MergeException(file + " is not JSON: " + e.getOriginalMessage(), e);
        }
        throw new MergeException(file + " is not a JSON object; expected a configuration");
    }

    @Override
    public void close() throws IOException {
        for (Weights weights : models.values()) {
            weights.close();
        }
    }
}
