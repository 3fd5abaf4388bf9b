package org.retain4j.finetune;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.retain4j.core.tensor.Random;
import org.retain4j.finetune.checkpoint.Checkpoints;

/** A run that is killed again and again ends with the bits of one that was not. */
class KillTest {

    private static final int KILLS = 6;
    private static final long LIMIT_MILLIS = 120_000;

    @Test
    void aRunKilledAtRandomMomentsEndsWithTheSameBits(@TempDir Path folder)
            throws IOException, InterruptedException {
        Path whole = Files.createDirectory(folder.resolve("whole"));
        Path killed = Files.createDirectory(folder.resolve("killed"));
        String expected = KilledRun.run(whole);
        int duringSaves = 0;
        for (int kill = 0; kill < KILLS; kill++) {
            Random random = Random.at(17, kill, "kill");
            Process process = start(killed);
            try {
                // half of the kills wait for a save to begin, the others for any moment of a step
                int until = progress(killed) + 1 + random.nextInt(3);
                boolean inSave = kill % 2 == 0;
                waitFor(process, () -> inSave ? unfinished(killed) : progress(killed) >= until);
                Thread.sleep(inSave ? 0 : random.nextInt(40));
            } finally {
                process.destroyForcibly();
            }
            assertThat(process.waitFor(30, TimeUnit.SECONDS)).isTrue();
            assertThat(process.exitValue()).as(output(killed)).isNotZero();
            duringSaves += unfinished(killed) ? 1 : 0;
            assertThat(progress(killed)).as("killed before the end").isLessThan(KilledRun.STEPS);
        }
        assertThat(duringSaves).as("kills that cut a save short").isPositive();
        Process last = start(killed);
        assertThat(last.waitFor(LIMIT_MILLIS, TimeUnit.MILLISECONDS)).isTrue();
        assertThat(last.exitValue()).as(output(killed)).isZero();
        assertThat(output(killed).lines()).contains("sha256 " + expected);
        assertThat(killed.resolve("metrics.jsonl"))
                .hasSameBinaryContentAs(whole.resolve("metrics.jsonl"));
        assertThat(unfinished(killed)).isFalse();
        List<Path> kept = Checkpoints.list(killed.resolve("checkpoints"));
        assertThat(kept)
                .extracting(path -> path.getFileName().toString())
                .containsExactly("checkpoint-21", "checkpoint-24");
        for (String file : List.of("model.safetensors", "optimizer.safetensors", "state.json")) {
            assertThat(kept.get(1).resolve(file))
                    .hasSameBinaryContentAs(
                            whole.resolve("checkpoints").resolve("checkpoint-24").resolve(file));
        }
    }

    private interface Condition {
        boolean holds() throws IOException;
    }

    private static void waitFor(Process process, Condition condition)
            throws IOException, InterruptedException {
        long deadline = System.nanoTime() + LIMIT_MILLIS * 1_000_000;
        while (!condition.holds()) {
            assertThat(process.isAlive()).as("the run still goes on").isTrue();
            assertThat(System.nanoTime()).isLessThan(deadline);
            Thread.sleep(1);
        }
    }

    private static Process start(Path folder) throws IOException {
        return new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-Dai.djl.offline=true",
                        "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
                        "-XX:TieredStopAtLevel=1",
                        "-cp",
                        System.getProperty("java.class.path"),
                        KilledRun.class.getName(),
                        folder.toString())
                .redirectErrorStream(true)
                .redirectOutput(folder.resolve("output.txt").toFile())
                .start();
    }

    private static String output(Path folder) throws IOException {
        return Files.readString(folder.resolve("output.txt"), StandardCharsets.UTF_8);
    }

    /** Number of lines of the log. */
    private static int progress(Path folder) throws IOException {
        Path log = folder.resolve("metrics.jsonl");
        return Files.exists(log) ? Files.readAllLines(log).size() : 0;
    }

    private static boolean unfinished(Path folder) throws IOException {
        Path saved = folder.resolve("checkpoints");
        if (!Files.isDirectory(saved)) {
            return false;
        }
        try (Stream<Path> entries = Files.list(saved)) {
            return entries.anyMatch(p -> p.getFileName().toString().startsWith(".checkpoint-"));
        }
    }
}
