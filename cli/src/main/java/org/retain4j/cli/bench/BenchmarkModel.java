package org.retain4j.cli.bench;

import java.io.IOException;
import org.retain4j.core.model.CausalLm;
import org.retain4j.core.model.ModelConfig;
import org.retain4j.core.tensor.Device;
import org.retain4j.core.tensor.Precision;

/** A model to measure, made or loaded when the measurement begins. */
@FunctionalInterface
public interface BenchmarkModel {

    /** Makes or loads the model, which the caller closes. */
    CausalLm open() throws IOException;

    /** Returns a model of a shape with random weights. */
    static BenchmarkModel random(ModelConfig shape, Device device, Precision precision) {
        return () -> CausalLm.random(shape, 0, device, precision);
    }

    /**
     * Returns a named shape.
     *
     * @param name {@code 135m}, that of SmolLM2-135M, or {@code 1b}, that of Llama 3.2 1B
     * @throws IllegalArgumentException for any other name
     */
    static ModelConfig shape(String name) throws IOException {
        String file =
                switch (name) {
                    case "135m" -> "smollm2-135m.json";
                    case "1b" -> "llama-1b.json";
                    default ->
                            throw new IllegalArgumentException(
                                    "unknown shape \"" + name + "\"; expected 135m or 1b");
                };
        try (var in = BenchmarkModel.class.getResourceAsStream(file)) {
            if (in == null) {
                throw new IOException("resource " + file + " is missing in the jar");
            }
            return ModelConfig.parse(
                    file, new String(in.readAllBytes(), java.nio.charset.StandardCharsets.UTF_8));
        }
    }
}
