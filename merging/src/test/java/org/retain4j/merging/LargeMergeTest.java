package org.retain4j.merging;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Memory does not grow with the models; needs 6 GB of disk for a moment. */
@Tag("slow")
class LargeMergeTest {

    private static final long BYTES = Long.getLong("retain4j.test.merge.bytes", 6_000_000_000L);

    @ParameterizedTest
    @ValueSource(strings = {"task_arithmetic", "ties"})
    @EnabledOnOs(OS.LINUX)
    void modelsOfSixGigabytesMergeInLessThanOne(String method, @TempDir Path folder)
            throws IOException, InterruptedException {
        LargeMerge.sparse(folder.resolve("a"), BYTES);
        LargeMerge.sparse(folder.resolve("b"), BYTES);
        Path output = folder.resolve("output.txt");
        Process process =
                new ProcessBuilder(
                                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                                "-Xmx512m",
                                "-cp",
                                System.getProperty("java.class.path"),
                                LargeMerge.class.getName(),
                                folder.toString(),
                                method)
                        .redirectErrorStream(true)
                        .redirectOutput(output.toFile())
                        .start();
        try {
            assertThat(process.waitFor(1, TimeUnit.HOURS)).isTrue();
        } finally {
            process.destroyForcibly();
        }
        String said = Files.readString(output);
        assertThat(process.exitValue()).as(said).isZero();
        assertThat(Long.parseLong(said.strip())).as("megabytes").isLessThan(1000);
        Merge.verify(folder.resolve("out"));
    }
}
