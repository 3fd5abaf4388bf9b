package org.retain4j.finetune;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Same data, options and machine: the same bits, also in another process. */
class CrossProcessDeterminismTest {

    @TempDir Path folder;

    @Test
    void threeProcessesTrainTheSameWeights() throws IOException, InterruptedException {
        String first = ChildJvm.run(folder, EmbeddedRun.class, "sha256", "-Xmx256m");
        String second = ChildJvm.run(folder, EmbeddedRun.class, "sha256", "-Xmx256m");
        assertThat(first).hasSize(64);
        assertThat(second).isEqualTo(first);
        assertThat(EmbeddedRun.sha256()).isEqualTo(first);
    }
}
