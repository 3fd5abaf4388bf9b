package org.retain4j.core.hub;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.HashSet;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A lock on a file name that threads of this and other processes respect.
 *
 * <p>Waits until the holder is done or dead, or the thread is interrupted. It spares double work
 * and is no guard of correctness: on Linux the lock files of Python's huggingface_hub are of
 * another kind (flock), and some network file systems have no locks.
 */
final class CacheLock implements AutoCloseable {

    private static final Logger LOG = LoggerFactory.getLogger(CacheLock.class);
    private static final long POLL_MILLIS = 50;

    // The operating system drops a process's lock when any of its channels on that file is closed,
    // so a second thread must not even open the file.
    private static final Set<Path> HELD = new HashSet<>();

    private final Path path;
    private final FileChannel channel;

    private CacheLock(Path path, FileChannel channel) {
        this.path = path;
        this.channel = channel;
    }

    /** Takes the lock, waiting for it if need be; makes the file and its folder. */
    static CacheLock take(Path file) throws IOException, InterruptedException {
        Path folder = RepoCache.parent(file);
        Files.createDirectories(folder);
        Path path = folder.toRealPath().resolve(file.getFileName());
        synchronized (HELD) {
            while (!HELD.add(path)) {
                HELD.wait();
            }
        }
        FileChannel channel = null;
        boolean taken = false;
        try {
            channel = FileChannel.open(path, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
            waitFor(path, channel);
            taken = true;
            return new CacheLock(path, channel);
        } finally {
            if (!taken) {
                release(path, channel);
            }
        }
    }

    private static void waitFor(Path path, FileChannel channel)
            throws IOException, InterruptedException {
        boolean told = false;
        while (tryLock(path, channel) == Attempt.BUSY) {
            if (!told) {
                LOG.info("Waiting for another process that holds {}", path);
                told = true;
            }
            Thread.sleep(POLL_MILLIS);
        }
    }

    private enum Attempt {
        TAKEN,
        BUSY
    }

    private static Attempt tryLock(Path path, FileChannel channel) {
        try {
            FileLock lock = channel.tryLock();
            return lock == null ? Attempt.BUSY : Attempt.TAKEN;
        } catch (OverlappingFileLockException e) {
            // Another class loader of this process holds it.
            return Attempt.BUSY;
        } catch (IOException e) {
            LOG.debug("{} is on a file system without locks", path, e);
            return Attempt.TAKEN;
        }
    }

    @Override
    public void close() {
        release(path, channel);
    }

    private static void release(Path path, @Nullable FileChannel channel) {
        try {
            if (channel != null) {
                channel.close();
            }
        } catch (IOException e) {
            LOG.debug("{} could not be closed", path, e);
        } finally {
            synchronized (HELD) {
                HELD.remove(path);
                HELD.notifyAll();
            }
        }
    }
}
