package org.retain4j.finetune.checkpoint;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.retain4j.core.io.SafetensorsFile;
import org.retain4j.core.io.SafetensorsWriter;
import org.retain4j.core.io.TensorInfo;
import org.retain4j.core.io.TensorSource;
import org.retain4j.core.io.TensorSpec;
import org.retain4j.core.tensor.Device;
import org.retain4j.core.tensor.Scope;
import org.retain4j.core.tensor.Tensor;

/**
 * Tensors of states in safetensors files, bit for bit. Stateless; safe for all threads as far as
 * the tensors are.
 */
public final class StateTensors {

    private static final int PART = 4 << 20;

    private StateTensors() {}

    static void write(Path file, Map<String, Tensor> tensors) throws IOException {
        write(file, tensors, Map.of("format", "pt"));
    }

    /**
     * Writes tensors, under a temporary name first.
     *
     * @param metadata texts in the head of the file
     */
    public static void write(Path file, Map<String, Tensor> tensors, Map<String, String> metadata)
            throws IOException {
        List<TensorSpec> specs = new ArrayList<>();
        tensors.forEach((name, t) -> specs.add(TensorSpec.of(name, t.dtype(), t.shape())));
        try (SafetensorsWriter writer = SafetensorsWriter.create(file, specs, metadata)) {
            for (Map.Entry<String, Tensor> entry : tensors.entrySet()) {
                try (Scope scope = Scope.open()) {
                    Tensor value = entry.getValue().detach().reshape(-1);
                    int width = value.dtype().bytes();
                    long elements = value.elements();
                    for (long done = 0; done < elements; ) {
                        int count = (int) Math.min(PART / width, elements - done);
                        ByteBuffer part =
                                ByteBuffer.allocate(count * width).order(ByteOrder.LITTLE_ENDIAN);
                        // fetched part by part: a large state has no second copy on the CPU
                        try (Scope fetching = Scope.open()) {
                            value.narrow(0, done, count).to(Device.CPU).readBytes(0, part);
                        }
                        writer.write(entry.getKey(), part.flip());
                        done += count;
                    }
                }
            }
            writer.commit();
        }
    }

    /** Returns all tensors of a file on the CPU, in the caller's scope. */
    static Map<String, Tensor> read(Path path) throws IOException {
        Map<String, Tensor> tensors = new LinkedHashMap<>();
        try (SafetensorsFile file = SafetensorsFile.open(path)) {
            for (TensorInfo info : file.tensors().values()) {
                tensors.put(info.name(), read(file, info));
            }
        }
        return tensors;
    }

    /** Returns one tensor on the CPU, in the caller's scope. */
    public static Tensor read(TensorSource file, TensorInfo info) throws IOException {
        long[] shape = info.shape().stream().mapToLong(Long::longValue).toArray();
        Tensor value = Tensor.empty(info.dtype(), Device.CPU, shape);
        int width = info.dtype().bytes();
        for (long done = 0; done < info.byteCount(); ) {
            int length = (int) Math.min(PART, info.byteCount() - done);
            value.writeBytes(done / width, file.map(info.name(), done, length));
            done += length;
        }
        return value;
    }
}
