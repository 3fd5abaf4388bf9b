package org.retain4j.core.tensor.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.Set;
import java.util.zip.ZipEntry;
import java.util.zip.ZipInputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.retain4j.core.tensor.Device;
import org.retain4j.core.tensor.TensorEngine;

/** Which libtorch is accepted, how its version is found, and what the engine says about itself. */
class EngineStartTest {

    @ParameterizedTest
    @ValueSource(strings = {"2.10.0", "2.6.0", "2.70.1", "1.13.1", "2.11.0+cu128", ""})
    void anotherLibtorchIsRefusedWithAdvice(String version) {
        assertThatThrownBy(() -> EngineStart.requireSeries(version, "the class path"))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContainingAll(
                        "libtorch " + version + " from the class path",
                        "DJL 0.36.0",
                        "2.7.x",
                        "pytorch-native-cpu:2.7.1",
                        "PYTORCH_LIBRARY_PATH");
    }

    @ParameterizedTest
    @ValueSource(strings = {"2.7.0", "2.7.1", "2.7.1+cu128", "2.7.1+cpu"})
    void theFittingSeriesIsAccepted(String version) {
        assertThatCode(() -> EngineStart.requireSeries(version, "here")).doesNotThrowAnyException();
    }

    @Test
    void theVersionOfAPipInstallationIsInVersionPy(@TempDir Path folder) throws IOException {
        Path library = Files.createDirectories(folder.resolve("torch/lib"));
        Files.writeString(
                folder.resolve("torch/version.py"),
                """
                from typing import Optional

                __all__ = ['__version__', 'debug', 'cuda', 'git_version', 'hip']
                __version__ = '2.10.0+cu128'
                debug = False
                cuda: Optional[str] = '12.8'
                """);
        assertThat(LibtorchVersion.of(library)).isEqualTo("2.10.0+cu128");
        Path file = Files.createFile(library.resolve("libtorch.so"));
        assertThat(LibtorchVersion.of(file)).isEqualTo("2.10.0+cu128");
        Files.writeString(folder.resolve("torch/version.py"), "__version__: str = \"2.7.1\"\n");
        assertThat(LibtorchVersion.of(library)).isEqualTo("2.7.1");
    }

    @Test
    void theVersionOfAZipIsInBuildVersion(@TempDir Path folder) throws IOException {
        Path library = Files.createDirectories(folder.resolve("libtorch/lib"));
        assertThat(LibtorchVersion.of(library)).isNull();
        Files.writeString(folder.resolve("libtorch/build-version"), "2.7.1+cpu\n");
        assertThat(LibtorchVersion.of(library)).isEqualTo("2.7.1+cpu");
        Files.write(folder.resolve("libtorch/build-version"), new byte[1 << 20]);
        assertThat(LibtorchVersion.of(library)).isNull();
    }

    @Test
    void theVersionOfTheCacheIsInTheFoldersName(@TempDir Path folder) throws IOException {
        Path cache = Files.createDirectories(folder.resolve("2.7.1-cpu-linux-x86_64"));
        assertThat(LibtorchVersion.of(cache)).isEqualTo("2.7.1");
        Path other = Files.createDirectories(folder.resolve("pytorch"));
        assertThat(LibtorchVersion.of(other)).isNull();
        assertThat(LibtorchVersion.of(folder.resolve("nowhere/lib"))).isNull();
    }

    @Test
    void theRunningEngineTellsItsVersionAndFolder() {
        assertThat(TensorEngine.libtorchVersion()).startsWith(EngineStart.LIBTORCH_SERIES);
        assertThat(TensorEngine.libtorchFolder()).isDirectory();
        assertThat(LibtorchVersion.of(TensorEngine.libtorchFolder()))
                .startsWith(EngineStart.LIBTORCH_SERIES);
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
