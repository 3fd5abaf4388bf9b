package org.retain4j.core.model;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.retain4j.core.tensor.Device;
import org.retain4j.core.tensor.Precision;
import org.retain4j.core.tensor.Scope;
import org.retain4j.core.tensor.TensorEngine;
import org.retain4j.core.tensor.internal.SimulatedCuda;

/**
 * The small models of every family give on a device what they give on the CPU: on a GPU with {@code
 * -Dretain4j.device=cuda}, else on a simulated one.
 */
class DeviceAgreementTest {

    private static final Path MODELS = Path.of("src/test/resources/golden/models");
    private SimulatedCuda.On simulation;
    private Device device;

    @BeforeEach
    void choose() {
        device = TensorEngine.defaultDevice();
        if (!device.isCuda()) {
            simulation = SimulatedCuda.switchOn();
            device = Device.cuda(0);
        }
    }

    @AfterEach
    void switchOff() {
        if (simulation != null) {
            simulation.close();
        }
    }

    static List<Path> families() throws IOException {
        try (Stream<Path> folders = Files.list(MODELS)) {
            return folders.filter(f -> Files.exists(f.resolve("config.json"))).sorted().toList();
        }
    }

    @ParameterizedTest
    @MethodSource("families")
    void logitsAndLogProbsAgree(Path folder) throws IOException {
        TokenBatch batch =
                TokenBatch.padded(
                        List.of(new int[] {5, 9, 3, 17, 2, 30}, new int[] {11, 4, 8}), 0, true);
        for (Precision precision : Precision.values()) {
            try (CausalLm here = Pretrained.load(folder, Device.CPU, precision);
                    CausalLm there = Pretrained.load(folder, device, precision);
                    Scope scope = Scope.open()) {
                float[] expected = here.logits(batch).toFloatArray();
                float[] actual = there.logits(batch).toFloatArray();
                double square = 0;
                double largest = 0;
                for (int i = 0; i < expected.length; i++) {
                    square += (double) expected[i] * expected[i];
                    largest = Math.max(largest, Math.abs(expected[i] - actual[i]));
                }
                DeviceTolerance allowed = DeviceTolerance.of(precision, TensorEngine.allowsTf32());
                assertThat(actual).hasSameSizeAs(expected);
                assertThat(largest)
                        .as(folder.getFileName() + " " + precision + " " + allowed)
                        .isLessThanOrEqualTo(
                                allowed.relative() * Math.sqrt(square / expected.length));
            }
        }
    }
}
