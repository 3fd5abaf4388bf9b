package org.retain4j.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDateTime;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.retain4j.cli.usage.UsageException;

/** A run folder is new or empty, and disappears again if nothing was written. */
class RunFolderTest {

    private static final LocalDateTime TIME = LocalDateTime.of(2026, 1, 2, 3, 4, 5);

    @TempDir Path parent;

    @Test
    void namesOfTheSameSecondDiffer() throws IOException {
        try (RunFolder first = RunFolder.create(parent, TIME);
                RunFolder second = RunFolder.create(parent, TIME)) {
            assertThat(first.path()).isEqualTo(parent.resolve("2026-01-02_03-04-05")).isDirectory();
            assertThat(second.path())
                    .isEqualTo(parent.resolve("2026-01-02_03-04-05_2"))
                    .isDirectory();
        }
    }

    @Test
    void closingRemovesOnlyWhatCreatingMade() throws IOException {
        Path existing = Files.createDirectory(parent.resolve("existing"));
        RunFolder.create("--out", existing).close();
        assertThat(existing).isDirectory();

        RunFolder.create("--out", existing.resolve("a/b")).close();
        assertThat(existing).isEmptyDirectory();
    }

    @Test
    void closingKeepsWhatWasWritten() throws IOException {
        try (RunFolder folder = RunFolder.create("--out", parent.resolve("a/b"))) {
            assertThat(folder.write(Invocation.result("model"), Map.of("seed", 1))).hasSize(4);
        }
        assertThat(parent.resolve("a/b/run.json")).content().isEqualTo("{\n  \"seed\" : 1\n}\n");
        assertThat(parent.resolve("a/b/pareto.svg")).content().contains("<svg");
        assertThat(parent.resolve("a/b/report.html")).content().startsWith("<!DOCTYPE html>");
        try (var files = Files.list(parent.resolve("a/b"))) {
            assertThat(files).hasSize(4);
        }
    }

    @Test
    void aFolderThatMayNotBeWrittenIsRefused() throws IOException {
        Path locked = Files.createDirectory(parent.resolve("locked"));
        assumeFalse(!locked.toFile().setWritable(false) || Files.isWritable(locked));

        assertThatThrownBy(() -> RunFolder.create("--out", locked))
                .isInstanceOf(UsageException.class)
                .hasMessageStartingWith("--out: " + locked + " is not writable");
        assertThatThrownBy(() -> RunFolder.create("--out", locked.resolve("x/y")))
                .isInstanceOf(UsageException.class)
                .hasMessageStartingWith("--out: " + locked.resolve("x/y") + " cannot be created");
    }
}
