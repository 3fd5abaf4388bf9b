package org.retain4j.core.io;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;

/** Whole folders on disk: their entries stored, their contents removed. Safe for all threads. */
public final class Folders {

    private Folders() {}

    /**
     * Stores the entries of a folder on disk (fsync) where the system can do that.
     *
     * <p>Windows and some network file systems cannot. The files are whole and visible by then, so
     * that is no reason to report a failed write.
     */
    public static void store(Path folder) {
        try (FileChannel entry = FileChannel.open(folder, StandardOpenOption.READ)) {
            entry.force(true);
        } catch (IOException unsupported) {
            return;
        }
    }

    /** Removes a folder and all in it; does nothing when there is none. */
    public static void delete(Path folder) throws IOException {
        if (!Files.exists(folder)) {
            return;
        }
        List<Path> entries;
        try (Stream<Path> walk = Files.walk(folder)) {
            entries = walk.sorted(Comparator.reverseOrder()).toList();
        }
        for (Path entry : entries) {
            Files.deleteIfExists(entry);
        }
    }
}
