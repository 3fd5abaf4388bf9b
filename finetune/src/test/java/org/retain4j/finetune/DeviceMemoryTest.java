package org.retain4j.finetune;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.retain4j.core.model.CausalLm;
import org.retain4j.core.model.Pretrained;
import org.retain4j.core.tensor.Device;
import org.retain4j.core.tensor.Precision;
import org.retain4j.core.tensor.Scope;
import org.retain4j.core.tensor.TensorEngine;
import org.retain4j.finetune.schedule.Schedule;

/**
 * A thousand steps need no more memory than the first two hundred, by what the driver of a GPU says
 * and by what scopes hold; without a GPU only the latter is looked at.
 */
@Tag("gpu")
class DeviceMemoryTest {

    private static final int STEPS = 1000;
    private static final int SETTLED = 200;

    /** The allocator may still round up for a length that came late. */
    private static final long SLACK_MEGABYTES = 64;

    @Test
    void aThousandStepsKeepTheirMemory() throws IOException {
        Device device = TensorEngine.defaultDevice();
        List<Long> megabytes = new ArrayList<>();
        List<Long> tensors = new ArrayList<>();
        List<Long> bytes = new ArrayList<>();
        try (CausalLm model =
                Pretrained.load(Pretrained.EMBEDDED, device, Precision.standard(device))) {
            Trainer.of(model, new RandomRows(3, 512, 2, 64))
                    .options(
                            TrainOptions.defaults()
                                    .withSteps(STEPS)
                                    .withBatch(2, 1)
                                    .withLearningRate(1e-4)
                                    .withSchedule(Schedule.constant()))
                    .onStep(
                            report -> {
                                if (report.step() % 100 == 0) {
                                    megabytes.add(megabytes(device));
                                    tensors.add(Scope.liveTensors());
                                    bytes.add(
                                            Scope.inUse(device).stream()
                                                    .mapToLong(Scope.Use::bytes)
                                                    .sum());
                                }
                            })
                    .run();
        }
        int settled = SETTLED / 100 - 1;
        assertThat(tensors).hasSize(STEPS / 100);
        assertThat(tensors.get(tensors.size() - 1)).isEqualTo(tensors.get(settled));
        assertThat(bytes.get(bytes.size() - 1)).isEqualTo(bytes.get(settled)).isPositive();
        assertThat(megabytes.get(megabytes.size() - 1))
                .as("MB on the device at every hundredth step: " + megabytes)
                .isLessThanOrEqualTo(megabytes.get(settled) + SLACK_MEGABYTES);
    }

    /** Returns megabytes in use on a GPU; 0 on the CPU. */
    private static long megabytes(Device device) {
        if (!device.isCuda()) {
            return 0;
        }
        try {
            Process process =
                    new ProcessBuilder(
                                    "nvidia-smi",
                                    "--id=" + device.index(),
                                    "--query-gpu=memory.used",
                                    "--format=csv,noheader,nounits")
                            .start();
            try (InputStream in = process.getInputStream()) {
                String text = new String(in.readAllBytes(), StandardCharsets.UTF_8).strip();
                return Long.parseLong(text);
            }
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }
}
