package org.retain4j.core.io;

import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedByInterruptException;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.ReadOnlyFileSystemException;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * An output file that appears under its name only when it is complete and on disk.
 *
 * <p>Bytes go to a temporary file in the same folder. {@link #commit()} makes the operating system
 * store them (fsync), renames the file over the target in one step, and stores the folder's entry
 * as well where the file system can. {@link #close()} without commit removes the temporary file and
 * leaves a previous target as it was. Only a killed process leaves a file {@code .retain4j-*.tmp}.
 *
 * <p>Errors are {@link IOException}s of one sentence with the target's path, the cause and what to
 * do. Not safe for use by several threads at once.
 */
public final class AtomicFile implements AutoCloseable {

    /** Something that writes itself to a stream, which it need not close. */
    @FunctionalInterface
    public interface Content {
        /** Writes everything. */
        void writeTo(OutputStream out) throws IOException;
    }

    private final Path target;
    private final Path folder;
    private final Path temporary;
    private final FileChannel channel;
    private boolean finished;

    private AtomicFile(Path target, Path folder, Path temporary, FileChannel channel) {
        this.target = target;
        this.folder = folder;
        this.temporary = temporary;
        this.channel = channel;
    }

    /**
     * Starts a file; its folder must exist.
     *
     * @throws IOException when the target is a folder, or its folder is missing or not writable
     */
    public static AtomicFile create(Path target) throws IOException {
        Path absolute = target.toAbsolutePath();
        Path folder = absolute.getParent();
        if (folder == null || Files.isDirectory(absolute)) {
            throw new IOException(
                    "Cannot write " + target + ": it is a folder; give the name of a file");
        }
        if (!Files.isDirectory(folder)) {
            throw new IOException(
                    "Cannot write "
                            + target
                            + ": "
                            + folder
                            + (Files.exists(folder)
                                    ? " is not a folder; choose another path"
                                    : " does not exist; create this folder first"));
        }
        Path temporary = folder.resolve(".retain4j-" + UUID.randomUUID() + ".tmp");
        try {
            FileChannel channel =
                    FileChannel.open(
                            temporary, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
            return new AtomicFile(target, folder, temporary, channel);
        } catch (IOException | ReadOnlyFileSystemException e) {
            throw explained(target, folder, e);
        }
    }

    /** Writes bytes as a whole file. */
    public static void write(Path target, byte[] bytes) throws IOException {
        try (AtomicFile file = create(target)) {
            file.write(ByteBuffer.wrap(bytes), 0);
            file.commit();
        }
    }

    /** Writes text as a whole file in UTF-8. */
    public static void write(Path target, String text) throws IOException {
        write(target, text.getBytes(StandardCharsets.UTF_8));
    }

    /** Writes what the given code puts out as a whole file; nothing when that code throws. */
    public static void write(Path target, Content content) throws IOException {
        try (AtomicFile file = create(target)) {
            OutputStream out = file.stream();
            content.writeTo(out);
            out.flush();
            file.commit();
        }
    }

    /**
     * Returns a buffered stream that appends to the temporary file.
     *
     * <p>Flush it before {@link #commit()}; closing it only flushes it.
     */
    public OutputStream stream() {
        return new BufferedOutputStream(
                new OutputStream() {
                    @Override
                    public void write(int value) throws IOException {
                        write(new byte[] {(byte) value}, 0, 1);
                    }

                    @Override
                    public void write(byte[] bytes, int offset, int length) throws IOException {
                        AtomicFile.this.write(
                                ByteBuffer.wrap(bytes, offset, length), channel.size());
                    }
                },
                1 << 16);
    }

    /** Writes the rest of a buffer at a byte position of the file, which grows as needed. */
    public void write(ByteBuffer bytes, long position) throws IOException {
        long at = position;
        try {
            while (bytes.hasRemaining()) {
                at += channel.write(bytes, at);
            }
        } catch (IOException e) {
            throw explained(target, folder, e);
        }
    }

    /**
     * Puts the file in place; nothing can be written after it.
     *
     * @throws IOException when that fails; the target is then as before
     * @throws IllegalStateException when the file is committed or closed already
     */
    public void commit() throws IOException {
        if (finished) {
            throw new IllegalStateException(target + " is committed or closed already");
        }
        try {
            channel.force(true);
            channel.close();
            Files.move(temporary, target, StandardCopyOption.ATOMIC_MOVE);
            finished = true;
        } catch (IOException e) {
            throw explained(target, folder, e);
        }
        Folders.store(folder);
    }

    /** Removes the temporary file unless it was committed; closing twice does nothing. */
    @Override
    public void close() throws IOException {
        if (!finished) {
            finished = true;
            try {
                channel.close();
            } finally {
                Files.deleteIfExists(temporary);
            }
        }
    }

    private static IOException explained(Path target, Path folder, Exception cause) {
        if (cause instanceof ClosedByInterruptException interrupted) {
            return interrupted;
        }
        String detail = cause.getMessage();
        if (cause instanceof FileSystemException e && e.getReason() != null) {
            detail = e.getReason();
        }
        String advice;
        if (cause instanceof AccessDeniedException
                || cause instanceof ReadOnlyFileSystemException
                || !Files.isWritable(folder)) {
            advice = "the folder " + folder + " is not writable; choose another or allow writing";
        } else if (isFull(folder, detail)) {
            advice = "the disk under " + folder + " is full; free space or choose another folder";
        } else {
            advice = (detail == null ? cause.toString() : detail) + "; check the disk and folder";
        }
        return new IOException("Cannot write " + target + ": " + advice, cause);
    }

    private static boolean isFull(Path folder, @Nullable String detail) {
        if (detail != null && (detail.contains("No space left") || detail.contains("quota"))) {
            return true;
        }
        try {
            return Files.getFileStore(folder).getUsableSpace() < 4096;
        } catch (IOException e) {
            return false;
        }
    }
}
