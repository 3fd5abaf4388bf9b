package org.retain4j.core.natives;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** How the version of a libtorch is found in the files beside it, and which versions fit. */
class LibtorchVersionTest {

    @ParameterizedTest
    @ValueSource(strings = {"2.10.0", "2.6.0", "2.70.1", "1.13.1", "2.11.0+cu128", ""})
    void anotherLibtorchIsRefusedWithAdvice(String version) {
        assertThatThrownBy(() -> Natives.requireSeries(version, "the class path"))
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
        assertThatCode(() -> Natives.requireSeries(version, "here")).doesNotThrowAnyException();
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
    void cudaAndCommitAreInVersionPyOrInTheTag(@TempDir Path folder) throws IOException {
        Path library = Files.createDirectories(folder.resolve("torch/lib"));
        assertThat(LibtorchVersion.cuda(library)).isEmpty();
        assertThat(LibtorchVersion.commit(library)).isEmpty();
        Files.writeString(folder.resolve("torch/build-version"), "2.7.1+cu118\n");
        Files.writeString(folder.resolve("torch/build-hash"), "abcdef0123\n");
        assertThat(LibtorchVersion.cuda(library)).isEqualTo("11.8");
        assertThat(LibtorchVersion.commit(library)).isEqualTo("abcdef0123");
        Files.writeString(
                folder.resolve("torch/version.py"),
                """
                __version__ = '2.11.0+cu130'
                cuda: Optional[str] = '13.0'
                git_version = '70d99e998b4955e0049d13a98d77ae1b14db1f45'
                """);
        assertThat(LibtorchVersion.cuda(library)).isEqualTo("13.0");
        assertThat(LibtorchVersion.commit(library)).startsWith("70d99e998b");
        Files.writeString(
                folder.resolve("torch/version.py"), "__version__ = '2.7.1'\ncuda = None\n");
        assertThat(LibtorchVersion.cuda(library)).isEmpty();
    }
}
