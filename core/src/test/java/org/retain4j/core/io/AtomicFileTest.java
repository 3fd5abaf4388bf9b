package org.retain4j.core.io;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeFalse;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.retain4j.core.tensor.DType;

class AtomicFileTest {

    @TempDir Path folder;

    private static List<String> names(Path folder) throws IOException {
        try (var files = Files.list(folder)) {
            return files.map(path -> path.getFileName().toString()).toList();
        }
    }

    @Test
    void writesBytesTextAndStreams() throws IOException {
        Path target = folder.resolve("x");
        AtomicFile.write(target, new byte[] {1, 2});
        assertThat(target).hasBinaryContent(new byte[] {1, 2});
        AtomicFile.write(target, "é");
        assertThat(target).hasContent("é");
        AtomicFile.write(
                target,
                out -> {
                    for (int i = 0; i < 100_000; i++) {
                        out.write('a' + i % 26);
                    }
                });
        assertThat(Files.size(target)).isEqualTo(100_000);
        assertThat(Files.readString(target)).startsWith("abc").endsWith("d");
        assertThat(names(folder)).containsExactly("x");
    }

    @Test
    void keepsTheOldFileUntilCommitAndWhenContentFails() throws IOException {
        Path target = Files.writeString(folder.resolve("x"), "old");
        try (AtomicFile file = AtomicFile.create(target)) {
            OutputStream out = file.stream();
            out.write("new".getBytes(StandardCharsets.UTF_8));
            out.flush();
            assertThat(target).hasContent("old");
            assertThat(names(folder)).hasSize(2);
        }
        assertThat(names(folder)).containsExactly("x");
        IOException own = new IOException("own failure");
        assertThatThrownBy(
                        () ->
                                AtomicFile.write(
                                        target,
                                        out -> {
                                            out.write(1);
                                            throw own;
                                        }))
                .isSameAs(own);
        assertThat(target).hasContent("old");
        assertThat(names(folder)).containsExactly("x");
    }

    @Test
    void commitsOnce() throws IOException {
        try (AtomicFile file = AtomicFile.create(folder.resolve("x"))) {
            file.write(ByteBuffer.wrap(new byte[] {7}), 3);
            file.commit();
            assertThatThrownBy(file::commit).isInstanceOf(IllegalStateException.class);
        }
        assertThat(folder.resolve("x")).hasBinaryContent(new byte[] {0, 0, 0, 7});
    }

    @Test
    void namesWhatIsWrongWithThePlace() throws IOException {
        assertThatThrownBy(() -> AtomicFile.write(folder, "x"))
                .isInstanceOf(IOException.class)
                .hasMessageContainingAll(folder.toString(), "is a folder");
        assertThatThrownBy(() -> AtomicFile.write(folder.resolve("none/x"), "x"))
                .isInstanceOf(IOException.class)
                .hasMessageContainingAll("none", "does not exist", "create");
        Path file = Files.createFile(folder.resolve("file"));
        assertThatThrownBy(() -> AtomicFile.write(file.resolve("x"), "x"))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("is not a folder");
    }

    @Test
    void targetThatBecomesAFolderIsRefusedAtCommit() throws IOException {
        Path target = folder.resolve("x");
        AtomicFile file = AtomicFile.create(target);
        Files.createDirectories(target.resolve("inner"));
        assertThatThrownBy(file::commit)
                .isInstanceOf(IOException.class)
                .hasMessageContaining(target.toString());
        file.close();
        assertThat(names(folder)).containsExactly("x");
    }

    @Test
    @DisabledOnOs(OS.WINDOWS)
    void namesAFolderWithoutWritePermission() throws IOException {
        Path locked = Files.createDirectory(folder.resolve("locked"));
        Files.setPosixFilePermissions(locked, PosixFilePermissions.fromString("r-xr-xr-x"));
        assumeFalse(Files.isWritable(locked), "this user may write everywhere");
        assertThatThrownBy(() -> AtomicFile.write(locked.resolve("x"), "x"))
                .isInstanceOf(IOException.class)
                .hasMessageContainingAll(locked.toString(), "not writable");
    }

    @Test
    @EnabledOnOs(OS.LINUX)
    void namesAFullDiskAndLeavesNothing() throws IOException, InterruptedException {
        Path disk = Files.createDirectory(folder.resolve("disk"));
        assumeTrue(
                run("mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", disk.toString()) == 0,
                "this user may not mount a small file system");
        try {
            Path target = Files.writeString(disk.resolve("x"), "old");
            assertThatThrownBy(() -> AtomicFile.write(target, new byte[1 << 20]))
                    .isInstanceOf(IOException.class)
                    .hasMessageContainingAll(target.toString(), "is full", "free space");
            assertThat(target).hasContent("old");
            assertThat(names(disk)).containsExactly("x");
            Path model = disk.resolve("model.safetensors");
            assertThatThrownBy(
                            () -> {
                                TensorSpec big = TensorSpec.of("a", DType.UINT8, 1 << 20);
                                try (SafetensorsWriter writer =
                                        SafetensorsWriter.create(model, List.of(big), Map.of())) {
                                    writer.write("a", ByteBuffer.allocate(1 << 20));
                                }
                            })
                    .isInstanceOf(IOException.class)
                    .hasMessageContaining("is full");
            assertThat(names(disk)).containsExactly("x");
        } finally {
            assertThat(run("umount", disk.toString())).isZero();
        }
    }

    private static int run(String... command) throws InterruptedException {
        try {
            return new ProcessBuilder(command)
                    .redirectErrorStream(true)
                    .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                    .start()
                    .waitFor();
        } catch (IOException e) {
            return -1;
        }
    }
}
