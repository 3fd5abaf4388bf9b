package org.retain4j.finetune;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;

/** A long run holds no more at its end than near its start. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class MemoryTest {

    private long[] held = {};

    @BeforeAll
    void train(@TempDir Path folder) throws IOException, InterruptedException {
        // a heap that is all there from the start leaves native memory as the only thing that grows
        String line =
                ChildJvm.run(
                        folder,
                        LongRun.class,
                        "held",
                        "-Xms64m",
                        "-Xmx64m",
                        "-XX:+AlwaysPreTouch",
                        "-XX:+UseSerialGC",
                        "-XX:TieredStopAtLevel=1");
        held = Arrays.stream(line.split(" ")).mapToLong(Long::parseLong).toArray();
        assertThat(held).hasSize(4);
    }

    @Test
    void noTensorIsLeftOver() {
        assertThat(held[0]).isPositive();
        assertThat(held[2]).isEqualTo(held[0]);
    }

    @Test
    void theProcessGrowsByLessThanThreePercent() {
        assumeThat(held[1]).as("the system tells the resident memory").isPositive();
        assertThat(held[3]).isLessThan(Math.round(1.03 * held[1]));
    }
}
