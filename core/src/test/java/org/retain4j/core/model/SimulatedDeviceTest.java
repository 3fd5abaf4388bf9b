package org.retain4j.core.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.retain4j.core.generate.Generator;
import org.retain4j.core.generate.Sampling;
import org.retain4j.core.tensor.DType;
import org.retain4j.core.tensor.Device;
import org.retain4j.core.tensor.Precision;
import org.retain4j.core.tensor.Scope;
import org.retain4j.core.tensor.Tensor;
import org.retain4j.core.tensor.TensorEngine;
import org.retain4j.core.tensor.TensorException;
import org.retain4j.core.tensor.internal.SimulatedCuda;

/**
 * A model on a device that is none: it computes what it computes on the CPU, and code that forgets
 * the device fails as it would on a GPU.
 */
class SimulatedDeviceTest {

    private static final Device GPU = Device.cuda(1);
    private SimulatedCuda.On simulation;

    @BeforeEach
    void switchOn() {
        simulation = SimulatedCuda.switchOn();
    }

    @AfterEach
    void switchOff() {
        simulation.close();
    }

    @Test
    void tensorsOfTwoDevicesDoNotMeet() {
        try (Scope scope = Scope.open()) {
            Tensor here = Tensor.of(new float[] {1, 2}, 2);
            Tensor there = here.to(GPU);
            assertThat(there.device()).isEqualTo(GPU);
            assertThat(there.mul(2).device()).isEqualTo(GPU);
            assertThat(there.add(Tensor.scalar(1)).toFloatArray()).containsExactly(2, 3);
            assertThatThrownBy(() -> here.add(there))
                    .isInstanceOf(TensorException.class)
                    .hasMessageContainingAll("add", "cpu", "cuda:1", "different devices");
            assertThatThrownBy(
                            () ->
                                    Tensor.cat(
                                            List.of(
                                                    there,
                                                    Tensor.zeros(DType.FLOAT32, Device.cuda(0), 2)),
                                            0))
                    .hasMessageContaining("different devices");
            assertThatThrownBy(() -> there.readBytes(0, ByteBuffer.allocate(4)))
                    .hasMessageContaining("not contiguous on the CPU");
            // a copy to another device is a copy
            there.mulInPlace(0);
            assertThat(here.toFloatArray()).containsExactly(1, 2);
            here.copyInPlace(there);
            assertThat(here.toFloatArray()).containsExactly(0, 0);
        }
    }

    @Test
    void devicesAreAskedForByName() {
        assertThat(Device.of("auto")).isEqualTo(Device.cuda(0));
        assertThat(Device.of("cuda")).isEqualTo(Device.cuda(0));
        assertThat(Device.of(" CUDA:1")).isEqualTo(GPU);
        assertThat(TensorEngine.cudaDevices()).isEqualTo(2);
        assertThatThrownBy(() -> Device.of("cuda:2"))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContainingAll("cuda:2", "2 CUDA device(s)");
        assertThat(Precision.standard(GPU)).isEqualTo(Precision.BF16_MIXED);
        assertThat(Precision.standard(Device.CPU)).isEqualTo(Precision.F32);
    }

    @Test
    void aModelComputesAndGeneratesThereWhatItDoesHere(@TempDir Path folder) throws IOException {
        Path copy = folder.resolve("copy");
        try (CausalLm here = Pretrained.load(Pretrained.EMBEDDED, Device.CPU, Precision.F32);
                CausalLm there = Pretrained.load(Pretrained.EMBEDDED, GPU, Precision.F32)) {
            TokenBatch padded =
                    TokenBatch.padded(List.of(new int[] {5, 6, 7}, new int[] {8, 9}), 0, true);
            try (Scope scope = Scope.open()) {
                Tensor logits = there.logits(padded);
                assertThat(logits.device()).isEqualTo(GPU);
                assertThat(logits.toFloatArray()).isEqualTo(here.logits(padded).toFloatArray());
            }
            there.parameters()
                    .forEach(p -> assertThat(p.value().device()).as(p.name()).isEqualTo(GPU));
            for (Sampling sampling : List.of(Sampling.greedy())) {
                assertThat(new Generator(there, sampling).generate("Once upon", 12, 3))
                        .isEqualTo(new Generator(here, sampling).generate("Once upon", 12, 3));
            }
            there.save(copy);
            here.save(folder.resolve("here"));
        }
        assertThat(Files.readAllBytes(copy.resolve("model.safetensors")))
                .isEqualTo(Files.readAllBytes(folder.resolve("here/model.safetensors")));
        // float32, and float16 on disk, which is converted on the way
        try (CausalLm loaded = Pretrained.load(copy, GPU, Precision.F32)) {
            loaded.save(folder.resolve("half"), DType.BFLOAT16, 1L << 30);
        }
        try (CausalLm there = Pretrained.load(folder.resolve("half"), GPU, Precision.F32);
                CausalLm here = Pretrained.load(folder.resolve("half"), Device.CPU, Precision.F32);
                Scope scope = Scope.open()) {
            TokenBatch batch = TokenBatch.of(1, 2, 3, 4);
            assertThat(there.logits(batch).toFloatArray())
                    .isEqualTo(here.logits(batch).toFloatArray());
        }
    }
}
