package org.retain4j.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.retain4j.core.model.Pretrained;
import org.retain4j.core.tensor.internal.SimulatedCuda;

/** Choosing a device, with devices that are only labels, and refusing one that is not there. */
class DeviceOptionTest {

    private static final String MODEL = Pretrained.EMBEDDED;

    @ParameterizedTest
    @ValueSource(strings = {"auto", "cuda", "cuda:1"})
    void commandsComputeOnADeviceWhatTheyComputeOnTheCpu(String device, @TempDir Path folder)
            throws Exception {
        Path lines =
                Files.writeString(
                        folder.resolve("t.jsonl"), "{\"text\": \"Once upon a time a cat sat.\"}\n");
        for (List<String> command :
                List.of(
                        List.of(
                                "generate",
                                "-m",
                                MODEL,
                                "--prompt",
                                "Once",
                                "--max-new-tokens",
                                "9"),
                        List.of("score", "-m", MODEL, "--input", lines.toString()))) {
            String expected = run(command, "cpu").out();
            try (SimulatedCuda.On simulation = SimulatedCuda.switchOn()) {
                Invocation run = run(command, device);
                assertThat(run.exit()).as(run.err()).isZero();
                assertThat(run.out()).isEqualTo(expected);
            }
        }
    }

    private static Invocation run(List<String> command, String device) {
        String[] all =
                java.util.stream.Stream.concat(
                                command.stream(),
                                java.util.stream.Stream.of(
                                        "--precision", "f32", "--device", device))
                        .toArray(String[]::new);
        return Invocation.of(all);
    }

    @Test
    void benchmarksRunOnADevice() {
        try (SimulatedCuda.On simulation = SimulatedCuda.switchOn()) {
            for (List<String> task :
                    List.of(
                            List.of("--steps", "2"),
                            List.of("--steps", "2", "--lora-rank", "2"),
                            List.of("--steps", "2", "--generate", "3"),
                            List.of("--fisher", "2"))) {
                String[] all =
                        java.util.stream.Stream.concat(
                                        java.util.stream.Stream.of(
                                                "bench",
                                                "-m",
                                                MODEL,
                                                "--device",
                                                "cuda",
                                                "--json",
                                                "--precision",
                                                "f32",
                                                "--batch-size",
                                                "1",
                                                "--max-length",
                                                "16"),
                                        task.stream())
                                .toArray(String[]::new);
                Invocation run = Invocation.of(all);
                assertThat(run.exit()).as(task + run.err()).isZero();
                assertThat(run.out()).contains("\"device_megabytes\":");
            }
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"cuda:63", "gpu", "cuda:"})
    void aDeviceThatIsNotThereIsWrongUsage(String device) {
        for (List<String> command :
                List.of(
                        List.of("generate", "-m", MODEL, "--prompt", "x"),
                        List.of("bench", "-m", MODEL),
                        List.of("compare", "--steps", "1", "--seeds", "1"))) {
            String[] all =
                    java.util.stream.Stream.concat(
                                    command.stream(),
                                    java.util.stream.Stream.of("--device", device))
                            .toArray(String[]::new);
            Invocation run = Invocation.of(all);
            assertThat(run.exit()).as(run.out()).isEqualTo(2);
            assertThat(run.err()).contains(device);
        }
    }
}
