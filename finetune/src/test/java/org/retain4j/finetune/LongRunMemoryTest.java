package org.retain4j.finetune;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;

/**
 * The embedded model trained for 5,000 steps holds as much at the end as after 500, with noise on
 * the embeddings, an average of the weights and a checkpoint every 500 steps.
 *
 * <p>What is compared is the resident memory of the process. Two things that grow in any Java
 * program are kept out of it: the heap is there as a whole from the start, and code is compiled by
 * the quick compiler only, which is done long before step 500. So what grows is native memory.
 */
@Tag("slow")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class LongRunMemoryTest {

    private static final int STEPS = 5_000;
    private static final int EVERY = 500;
    private static final long LIMIT_MINUTES = 20;

    private long[] tensors = {};
    private long[] kilobytes = {};

    @BeforeAll
    void train(@TempDir Path folder) throws IOException, InterruptedException {
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(
                List.of(
                        "-Xms64m",
                        "-Xmx64m",
                        "-XX:+AlwaysPreTouch",
                        "-XX:+UseSerialGC",
                        "-XX:TieredStopAtLevel=1"));
        command.addAll(List.of("-Dai.djl.offline=true", "-cp"));
        command.add(System.getProperty("java.class.path"));
        command.add(EmbeddedLongRun.class.getName());
        command.add(folder.resolve("run").toString());
        command.addAll(List.of(String.valueOf(STEPS), String.valueOf(EVERY)));
        File output = folder.resolve("output.txt").toFile();
        Process process =
                new ProcessBuilder(command)
                        .redirectErrorStream(true)
                        .redirectOutput(output)
                        .start();
        try {
            assertThat(process.waitFor(LIMIT_MINUTES, TimeUnit.MINUTES)).isTrue();
        } finally {
            process.destroyForcibly();
        }
        String text = Files.readString(output.toPath(), StandardCharsets.UTF_8);
        assertThat(process.exitValue()).as(text).isZero();
        long[][] held =
                text.lines()
                        .filter(line -> line.startsWith("held "))
                        .map(line -> line.substring(5).split(" "))
                        .map(words -> Arrays.stream(words).mapToLong(Long::parseLong).toArray())
                        .toArray(long[][]::new);
        assertThat(held).as(text).hasNumberOfRows(STEPS / EVERY);
        tensors = Arrays.stream(held).mapToLong(pair -> pair[0]).toArray();
        kilobytes = Arrays.stream(held).mapToLong(pair -> pair[1]).toArray();
    }

    @Test
    void theNumberOfTensorsStaysTheSame() {
        assertThat(tensors).contains(tensors[0]).doesNotContain(0);
        assertThat(Arrays.stream(tensors).distinct()).hasSize(1);
    }

    @Test
    void theProcessGrowsByAtMostTwoPercent() {
        assumeThat(kilobytes[0]).as("the system tells the resident memory").isPositive();
        assertThat(Arrays.stream(kilobytes).max().orElseThrow())
                .as(Arrays.toString(kilobytes))
                .isLessThanOrEqualTo(Math.round(1.02 * kilobytes[0]));
    }
}
