package org.retain4j.merging;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import org.retain4j.core.io.TensorInfo;

/** The opened models of a plan. */
final class MergeInputs implements AutoCloseable {

    private static final ObjectMapper JSON = new ObjectMapper();
    private static final long MAX_CONFIG = 16L << 20;

    private final Map<ModelReference, Weights> models = new LinkedHashMap<>();

    /** Opens all models; relative paths start from a folder. */
    static MergeInputs open(MergePlan plan, Path root) throws IOException {
        MergeInputs inputs = new MergeInputs();
        try {
            for (ModelReference reference : plan.models()) {
                if (reference.adapter().isPresent()) {
                    throw new MergeException(
                            plan.file
                                    + ": the adapter of "
                                    + reference
                                    + " is not put in on the way yet; merge it into its model"
                                    + " first and name that folder");
                }
                Path folder = root.resolve(reference.path());
                if (!Files.isDirectory(folder)) {
                    throw new MergeException(
                            plan.file
                                    + ": there is no folder "
                                    + folder
                                    + "; download the model "
                                    + reference
                                    + " and name its folder");
                }
                inputs.models.put(reference, Weights.ofModel(folder));
            }
            return inputs;
        } catch (Throwable e) {
            inputs.close();
            throw e;
        }
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

    /** Returns the number of layers, which the names of the tensors tell. */
    static int layers(Weights weights) {
        int layers = 0;
        for (TensorInfo info : weights.tensors().values()) {
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
