package org.retain4j.cli.bench;

import java.io.IOException;
import org.retain4j.core.model.CausalLm;
import org.retain4j.core.model.ModelConfig;
import org.retain4j.core.tensor.Precision;
import org.retain4j.core.tensor.TensorEngine;

/** A model to measure, made or loaded when the measurement begins. */
@FunctionalInterface
public interface BenchmarkModel {

    /** Makes or loads the model, which the caller closes. */
    CausalLm open() throws IOException;

    /** Returns a model of a shape with random weights on the default device. */
    static BenchmarkModel random(ModelConfig shape, Precision precision) {
        return () -> CausalLm.random(shape, 0, TensorEngine.defaultDevice(), precision);
    }

    /** Returns the shape of SmolLM2-135M. */
    static ModelConfig smolLm2() throws IOException {
        try (var in = BenchmarkModel.class.getResourceAsStream("smollm2-135m.json")) {
            if (in == null) {
                throw new IOException("resource smollm2-135m.json is missing in the jar");
            }
            return ModelConfig.parse(
                    "smollm2-135m.json",
                    new String(in.readAllBytes(), java.nio.charset.StandardCharsets.UTF_8));
        }
    }
}
