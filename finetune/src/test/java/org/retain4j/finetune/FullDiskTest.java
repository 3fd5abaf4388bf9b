package org.retain4j.finetune;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.retain4j.core.model.CausalLm;
import org.retain4j.core.model.Pretrained;
import org.retain4j.finetune.checkpoint.CheckpointOptions.OnSaveError;

/** A disk that takes no more bytes in the middle of a checkpoint. */
class FullDiskTest {

    @ParameterizedTest
    @EnumSource
    void theRunSaysSoAndEarlierCheckpointsAreWhole(OnSaveError reaction, @TempDir Path folder)
            throws IOException, InterruptedException {
        assumeThat(System.getenv("PATH").split(File.pathSeparator))
                .as("the system has prlimit")
                .anyMatch(place -> Files.isExecutable(Path.of(place, "prlimit")));
        Path saved = folder.resolve("saved");
        Path output = folder.resolve("output.txt");
        Process process =
                new ProcessBuilder(
                                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                                "-Dai.djl.offline=true",
                                "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
                                "-cp",
                                System.getProperty("java.class.path"),
                                FullDiskRun.class.getName(),
                                saved.toString(),
                                reaction.name())
                        .redirectErrorStream(true)
                        .redirectOutput(output.toFile())
                        .start();
        try {
            assertThat(process.waitFor(120, TimeUnit.SECONDS)).isTrue();
        } finally {
            process.destroyForcibly();
        }
        String text = Files.readString(output, StandardCharsets.UTF_8);
        String said = reaction == OnSaveError.STOP ? "stopped step 4" : "errors 1 step 4";
        assertThat(text).contains(said + ": the checkpoint was not written: Cannot write ");
        assertThat(text).contains("plugins.safetensors");
        String[] expected =
                reaction == OnSaveError.STOP
                        ? new String[] {"checkpoint-2"}
                        : new String[] {"checkpoint-2", "checkpoint-6"};
        try (Stream<Path> entries = Files.list(saved)) {
            assertThat(entries.map(path -> path.getFileName().toString()).sorted())
                    .as("nothing half written is left")
                    .containsExactlyElementsOf(Arrays.asList(expected));
        }
        try (CausalLm whole = Pretrained.load(saved.resolve("checkpoint-2"))) {
            assertThat(whole.parameters()).isNotEmpty();
        }
    }
}
