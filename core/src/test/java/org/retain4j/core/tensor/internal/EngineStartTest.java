package org.retain4j.core.tensor.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.HashSet;
import java.util.Set;
import java.util.zip.ZipEntry;
import java.util.zip.ZipInputStream;
import org.junit.jupiter.api.Test;
import org.retain4j.core.natives.Natives;
import org.retain4j.core.tensor.Device;
import org.retain4j.core.tensor.TensorEngine;

/** Which libtorch is accepted, how its version is found, and what the engine says about itself. */
class EngineStartTest {

    @Test
    void theRunningEngineTellsItsVersionAndFolder() {
        assertThat(TensorEngine.libtorchVersion()).startsWith(Natives.SERIES);
        assertThat(TensorEngine.libtorchFolder()).isDirectory();
        assertThat(TensorEngine.libtorch().version()).startsWith(Natives.SERIES);
        assertThat(System.getProperty("ai.djl.offline")).isEqualTo("true");
    }

    @Test
    void devicesThatAreNotThereAreRefusedByName() {
        int absent = TensorEngine.cudaDevices();
        assertThatThrownBy(() -> TensorEngine.device("cuda:" + absent))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContainingAll("cuda:" + absent, absent + " CUDA device(s)", "use cpu");
        for (String wrong : new String[] {"gpu", "", "cuda:", "cuda:-1", "cuda:9999", "cpu:0"}) {
            assertThatThrownBy(() -> TensorEngine.device(wrong))
                    .as(wrong)
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("\"" + wrong + "\"");
        }
        assertThat(TensorEngine.device(" CPU ")).isEqualTo(Device.CPU);
        assertThat(TensorEngine.device("auto").isCuda()).isEqualTo(absent > 0);
        assertThatThrownBy(() -> Device.cuda(-1)).isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void theNumberOfThreadsHasBounds() {
        int before = TensorEngine.threads();
        for (int wrong : new int[] {0, -1, TensorEngine.MAX_THREADS + 1, Integer.MAX_VALUE}) {
            assertThatThrownBy(() -> TensorEngine.setThreads(wrong))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("" + wrong);
        }
        assertThat(TensorEngine.threads()).isEqualTo(before);
        try {
            TensorEngine.setThreads(1);
            assertThat(TensorEngine.threads()).isEqualTo(1);
        } finally {
            TensorEngine.setThreads(before);
        }
    }

    @Test
    void theKernelArchiveIsReproducibleAndHoldsEveryFunctionOnce() throws IOException {
        byte[] archive = KernelArchive.build();
        assertThat(KernelArchive.build()).isEqualTo(archive);
        String source = null;
        try (ZipInputStream zip = new ZipInputStream(new ByteArrayInputStream(archive))) {
            for (ZipEntry entry = zip.getNextEntry(); entry != null; entry = zip.getNextEntry()) {
                if (entry.getName().equals("kernels/code/__torch__.py")) {
                    source = new String(zip.readAllBytes(), StandardCharsets.UTF_8);
                }
            }
        }
        assertThat(source).isNotNull();
        Set<String> names = new HashSet<>();
        source.lines()
                .filter(line -> line.startsWith("  def "))
                .map(line -> line.substring(6, line.indexOf('(')))
                .forEach(name -> assertThat(names.add(name)).as(name).isTrue());
        assertThat(names).contains("empty", "grad", "attend", "adamw_", "sample");
    }
}
