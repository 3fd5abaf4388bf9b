package org.retain4j.merging;

import java.io.IOException;
import java.net.URISyntaxException;
import java.net.URL;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import org.retain4j.core.io.SafetensorsWriter;
import org.retain4j.core.io.TensorInfo;
import org.retain4j.core.io.TensorSpec;
import org.retain4j.core.tensor.DType;

/** Files of the tests. */
final class Fixtures {

    private Fixtures() {}

    static Path golden() {
        try {
            URL url = Fixtures.class.getResource("/golden/README.md");
            return Objects.requireNonNull(Path.of(Objects.requireNonNull(url).toURI()).getParent());
        } catch (URISyntaxException e) {
            throw new IllegalStateException(e);
        }
    }

    /** Writes a model of matrices with two columns, or of vectors for names with norm. */
    static Path model(Path folder, Map<String, float[]> tensors) throws IOException {
        Files.createDirectories(folder);
        Map<String, TensorSpec> specs = new LinkedHashMap<>();
        tensors.forEach(
                (name, values) ->
                        specs.put(
                                name,
                                name.contains("norm")
                                        ? TensorSpec.of(name, DType.FLOAT32, values.length)
                                        : TensorSpec.of(
                                                name, DType.FLOAT32, values.length / 2, 2)));
        try (SafetensorsWriter writer =
                SafetensorsWriter.create(
                        folder.resolve("model.safetensors"), specs.values(), Map.of())) {
            for (Map.Entry<String, float[]> tensor : tensors.entrySet()) {
                ByteBuffer bytes =
                        ByteBuffer.allocate(tensor.getValue().length * 4)
                                .order(ByteOrder.LITTLE_ENDIAN);
                bytes.asFloatBuffer().put(tensor.getValue());
                writer.write(tensor.getKey(), bytes);
            }
            writer.commit();
        }
        Files.writeString(
                folder.resolve("config.json"),
                "{\"num_hidden_layers\": 1, \"vocab_size\": 2, \"torch_dtype\": \"float32\"}");
        return folder;
    }

    static float[] read(Weights weights, String name) throws IOException {
        TensorInfo info = Objects.requireNonNull(weights.find(name), name);
        float[] values = new float[Math.toIntExact(info.elementCount())];
        weights.floats(info).read(0, values, values.length);
        return values;
    }

    static float[] read(Path model, String name) throws IOException {
        try (Weights weights = Weights.ofModel(model)) {
            return read(weights, name);
        }
    }
}
