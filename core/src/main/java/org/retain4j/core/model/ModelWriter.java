package org.retain4j.core.model;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.retain4j.core.io.AtomicFile;
import org.retain4j.core.io.ShardedWriter;
import org.retain4j.core.io.TensorSpec;
import org.retain4j.core.nn.Parameter;
import org.retain4j.core.tensor.DType;
import org.retain4j.core.tensor.Device;
import org.retain4j.core.tensor.Scope;
import org.retain4j.core.tensor.Tensor;

/** Writes a model as a Hugging Face folder, one tensor at a time. */
final class ModelWriter {

    /** Largest weight file by default, 5 GB as in transformers 4. */
    static final long MAX_SHARD_SIZE = 5_000_000_000L;

    private static final int PART = 16 << 20;

    private ModelWriter() {}

    static void write(CausalLm model, Path folder, DType type, long maxShardSize)
            throws IOException {
        if (!type.isFloatingPoint() || type == DType.FLOAT64) {
            throw new IllegalArgumentException(
                    "a model cannot be saved as " + type + "; choose float32, float16 or bfloat16");
        }
        Files.createDirectories(folder);
        List<TensorSpec> specs = new ArrayList<>();
        for (Parameter parameter : model.parameters()) {
            specs.add(TensorSpec.of(parameter.name(), type, parameter.value().shape()));
        }
        try (ShardedWriter writer =
                ShardedWriter.create(folder, specs, Map.of("format", "pt"), maxShardSize)) {
            for (Parameter parameter : model.parameters()) {
                write(writer, parameter, type);
            }
            writer.commit();
        }
        writeBeside(folder, model.config().textWithDtype(type), model.sidecars());
    }

    /** Writes what stands beside the weights. */
    static void writeBeside(Path folder, String config, Map<String, byte[]> sidecars)
            throws IOException {
        AtomicFile.write(folder.resolve("config.json"), config);
        for (Map.Entry<String, byte[]> file : sidecars.entrySet()) {
            Path target = folder.resolve(file.getKey());
            Path parent = target.getParent();
            if (parent != null) {
                Files.createDirectories(parent);
            }
            AtomicFile.write(target, file.getValue());
        }
    }

    private static void write(ShardedWriter writer, Parameter parameter, DType type)
            throws IOException {
        try (Scope pass = Scope.open()) {
            Tensor value = parameter.value().detach().reshape(-1);
            long elements = value.elements();
            int width = type.bytes();
            for (long done = 0; done < elements; ) {
                int count = (int) Math.min(PART / width, elements - done);
                ByteBuffer bytes =
                        ByteBuffer.allocate(count * width).order(ByteOrder.LITTLE_ENDIAN);
                // converted and fetched part by part: no second copy of a large tensor anywhere
                try (Scope fetching = Scope.open()) {
                    value.narrow(0, done, count).to(type).to(Device.CPU).readBytes(0, bytes);
                }
                writer.write(parameter.name(), bytes.flip());
                done += count;
            }
        } catch (UncheckedIOException e) {
            throw e.getCause();
        }
    }
}
