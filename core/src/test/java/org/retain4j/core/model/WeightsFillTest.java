package org.retain4j.core.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.ClosedByInterruptException;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.retain4j.core.io.ElementConversion;
import org.retain4j.core.io.SafetensorsException;
import org.retain4j.core.io.SafetensorsFile;
import org.retain4j.core.io.SafetensorsWriter;
import org.retain4j.core.io.TensorInfo;
import org.retain4j.core.io.TensorSpec;
import org.retain4j.core.tensor.DType;
import org.retain4j.core.tensor.Device;
import org.retain4j.core.tensor.Precision;
import org.retain4j.core.tensor.Scope;
import org.retain4j.core.tensor.Tensor;

/** Weights arrive bit for bit, whatever their size; files that change are named errors. */
class WeightsFillTest {

    @TempDir Path folder;

    /** The shape of the largest tensor is chosen so that several threads and parts have work. */
    @Test
    void everyTypeAndSizeArrivesBitForBit() throws IOException {
        List<TensorSpec> specs = new ArrayList<>();
        for (DType type : List.of(DType.FLOAT32, DType.BFLOAT16, DType.FLOAT16, DType.FLOAT64)) {
            for (long size : new long[] {0, 1, 2, 577, 131_073, 2_100_003}) {
                specs.add(TensorSpec.of(type + "." + size, type, size));
            }
        }
        Path file = folder.resolve("model.safetensors");
        Random random = new Random(5);
        try (SafetensorsWriter writer = SafetensorsWriter.create(file, specs, Map.of())) {
            for (TensorSpec spec : specs) {
                // all bit patterns are possible, infinity, subnormal numbers and NaN among them
                byte[] bytes = new byte[(int) spec.byteCount()];
                random.nextBytes(bytes);
                writer.write(spec.name(), ByteBuffer.wrap(bytes));
            }
            writer.commit();
        }
        try (SafetensorsFile source = SafetensorsFile.open(file);
                Scope scope = Scope.open()) {
            WeightsFill fill = new WeightsFill(source);
            List<Tensor> targets = new ArrayList<>();
            for (TensorInfo info : source.tensors().values()) {
                Tensor target = Tensor.empty(DType.FLOAT32, Device.CPU, info.elementCount());
                fill.add(info, target);
                targets.add(target);
            }
            fill.run();
            int i = 0;
            for (TensorInfo info : source.tensors().values()) {
                assertThat(bytes(targets.get(i++)))
                        .as(info.name())
                        .isEqualTo(expected(source, info));
            }
        }
    }

    private static byte[] bytes(Tensor tensor) {
        ByteBuffer bytes = ByteBuffer.allocate((int) tensor.elements() * Float.BYTES);
        tensor.readBytes(0, bytes);
        return bytes.array();
    }

    private static byte[] expected(SafetensorsFile source, TensorInfo info) throws IOException {
        ByteBuffer stored = ByteBuffer.allocate((int) info.byteCount());
        source.read(info.name(), 0, stored);
        stored.flip().order(ByteOrder.LITTLE_ENDIAN);
        ByteBuffer floats =
                ByteBuffer.allocate((int) info.elementCount() * Float.BYTES)
                        .order(ByteOrder.LITTLE_ENDIAN);
        if (info.dtype() == DType.BFLOAT16) {
            // the definition: a bfloat16 is the upper half of a float
            while (stored.hasRemaining()) {
                floats.putInt(stored.getShort() << 16);
            }
        } else {
            ElementConversion.convert(info.dtype(), stored, DType.FLOAT32, floats);
        }
        return floats.array();
    }

    @ParameterizedTest
    @ValueSource(doubles = {0.01, 0.5, 0.999})
    void filesThatShrinkAfterOpeningAreNamedErrors(double share) throws IOException {
        ModelFolders.copy("llama", folder, root -> {});
        long before = Scope.liveTensors();
        try (ModelSource source = ModelSource.open(folder)) {
            Path file = folder.resolve("model.safetensors");
            try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
                channel.truncate((long) (channel.size() * share));
            }
            assertThatThrownBy(() -> source.load(Device.CPU, Precision.F32))
                    .isInstanceOf(SafetensorsException.class)
                    .hasMessageContainingAll(file.toString(), "do not change a model file");
        }
        assertThat(Scope.liveTensors()).isEqualTo(before);
    }

    @Test
    void anInterruptedThreadLoadsNothingAndStaysInterrupted() throws IOException {
        ModelFolders.copy("llama", folder, root -> {});
        long before = Scope.liveTensors();
        try (ModelSource source = ModelSource.open(folder)) {
            Thread.currentThread().interrupt();
            assertThatThrownBy(() -> source.load(Device.CPU, Precision.F32))
                    .isInstanceOf(ClosedByInterruptException.class);
            assertThat(Thread.interrupted()).isTrue();
        }
        assertThat(Scope.liveTensors()).isEqualTo(before);
    }
}
