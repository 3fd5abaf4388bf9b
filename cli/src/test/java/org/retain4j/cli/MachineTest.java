package org.retain4j.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Memory limits of control groups, in both versions of their file system. */
class MachineTest {

    @TempDir Path root;

    @Test
    void thisMachineHasAProcessorAndMemory() {
        Machine machine = Machine.read();

        assertThat(machine.cpu()).isNotBlank();
        assertThat(machine.processors()).isPositive();
        assertThat(machine.physicalMemory()).isGreaterThan(1L << 28);
    }

    @Test
    void theSmallestLimitOfAllGroupsAboveCounts() throws IOException {
        Path membership = Files.writeString(root.resolve("membership"), "0::/a/b\n");
        Files.createDirectories(root.resolve("a/b"));
        Files.writeString(root.resolve("a/b/memory.max"), "max\n");
        Files.writeString(root.resolve("a/memory.max"), "1073741824\n");

        assertThat(Machine.memoryLimit(root, membership)).hasValue(1L << 30);
    }

    @Test
    void versionOneWritesAHugeNumberForNoLimit() throws IOException {
        Path membership = Files.writeString(root.resolve("membership"), "4:memory:/x\n");
        Path file = Files.createDirectory(root.resolve("memory")).resolve("memory.limit_in_bytes");
        Files.writeString(file, "9223372036854771712\n");
        assertThat(Machine.memoryLimit(root, membership)).isEmpty();

        Files.writeString(file, "2147483648\n");
        assertThat(Machine.memoryLimit(root, membership)).hasValue(2L << 30);
    }

    @Test
    void aGroupOutsideOfTheMountIsIgnored() throws IOException {
        Path membership = Files.writeString(root.resolve("membership"), "0::/../../x\n");

        assertThat(Machine.memoryLimit(root.resolve("mount"), membership)).isEmpty();
        assertThat(Machine.memoryLimit(root, root.resolve("no such file"))).isEmpty();
    }
}
