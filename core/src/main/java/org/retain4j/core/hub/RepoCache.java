package org.retain4j.core.hub;

import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Objects;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.retain4j.core.io.AtomicFile;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The folder of one model in the cache, laid out as huggingface_hub does it.
 *
 * <pre>
 * models--owner--name/refs/REVISION              the commit of a branch or tag
 * models--owner--name/blobs/ETAG                 contents
 * models--owner--name/snapshots/COMMIT/PATH      links to the blobs
 * models--owner--name/.no_exist/COMMIT/PATH      known not to exist
 * .locks/models--owner--name/ETAG.lock
 * </pre>
 *
 * <p>Safe for all threads and processes.
 */
final class RepoCache {

    private static final Logger LOG = LoggerFactory.getLogger(RepoCache.class);

    private final String repoId;
    private final Path cache;
    private final Path folder;
    private final Path locks;
    private final boolean symlinks;

    RepoCache(Path cache, String repoId, boolean symlinks) throws HubException {
        RepoNames.requireRepoId(repoId);
        String name = "models--" + repoId.replace("/", "--");
        this.repoId = repoId;
        this.cache = cache.toAbsolutePath();
        this.folder = this.cache.resolve(name);
        this.locks = this.cache.resolve(".locks").resolve(name);
        this.symlinks = symlinks;
    }

    Path cache() {
        return cache;
    }

    Path folder() {
        return folder;
    }

    Path blob(String etag) {
        return folder.resolve("blobs").resolve(etag);
    }

    // Of our own name, because older versions of huggingface_hub append to ETAG.incomplete under a
    // kind of lock that Java cannot take.
    Path part(String etag) {
        return folder.resolve("blobs").resolve(etag + ".retain4j.incomplete");
    }

    Path lock(String etag) {
        return locks.resolve(etag + ".lock");
    }

    Path snapshot(String commit) {
        return folder.resolve("snapshots").resolve(commit);
    }

    /** Returns where a file of a commit is or would be; never outside of the snapshot. */
    Path file(String commit, String path) throws HubException {
        return inside(snapshot(commit), path);
    }

    boolean has(String commit, String path) throws HubException {
        return Files.isRegularFile(file(commit, path));
    }

    /** Returns whether it is on record that the commit has no such file. */
    boolean isAbsent(String commit, String path) throws HubException {
        return Files.exists(inside(folder.resolve(".no_exist").resolve(commit), path));
    }

    /**
     * Puts on record that the commit has no such file; does nothing where that cannot be stored.
     */
    void recordAbsent(String commit, String path) throws HubException {
        Path file = inside(folder.resolve(".no_exist").resolve(commit), path);
        try {
            Files.createDirectories(parent(file));
            Files.createFile(file);
        } catch (FileAlreadyExistsException e) {
            LOG.trace("{} exists", file);
        } catch (IOException e) {
            LOG.debug("{} cannot be made", file, e);
        }
    }

    /** Returns the commit that a revision was when last asked, or null when never asked. */
    @Nullable String commit(String revision) throws HubException {
        if (RepoNames.isCommit(revision)) {
            return revision;
        }
        Path ref = inside(folder.resolve("refs"), revision);
        try {
            if (!Files.isRegularFile(ref) || Files.size(ref) > 100) {
                return null;
            }
            String commit = Files.readString(ref).strip();
            return RepoNames.isCommit(commit) ? commit : null;
        } catch (IOException e) {
            throw failed(ref, "read", e);
        }
    }

    /** Stores which commit a revision is; a cache that cannot be written stays as it is. */
    void record(String revision, String commit) throws HubException {
        if (revision.equals(commit) || commit.equals(commit(revision))) {
            return;
        }
        Path ref = inside(folder.resolve("refs"), revision);
        try {
            Files.createDirectories(parent(ref));
            AtomicFile.write(ref, commit);
        } catch (IOException e) {
            LOG.warn("The commit of {} could not be stored in {}", revision, ref, e);
        }
    }

    /** Makes a snapshot's file out of a blob: a relative link, else a hard link, else a copy. */
    void link(String etag, String commit, String path) throws HubException {
        Path blob = blob(etag);
        Path file = file(commit, path);
        try {
            Files.createDirectories(parent(file));
            if (!Files.isRegularFile(file)) {
                // Leads nowhere, so nobody can use it.
                Files.deleteIfExists(file);
                place(blob, file, symlinks);
            }
        } catch (FileAlreadyExistsException e) {
            if (!Files.isRegularFile(file)) {
                throw failed(file, "made", e);
            }
        } catch (IOException e) {
            throw failed(file, "made", e);
        }
    }

    private static void place(Path blob, Path file, boolean symlinks) throws IOException {
        if (symlinks) {
            try {
                Files.createSymbolicLink(file, parent(file).relativize(blob));
                return;
            } catch (FileAlreadyExistsException e) {
                throw e;
            } catch (UnsupportedOperationException | FileSystemException e) {
                LOG.debug("{} cannot be a symbolic link", file, e);
            }
        }
        try {
            Files.createLink(file, blob);
        } catch (FileAlreadyExistsException e) {
            throw e;
        } catch (UnsupportedOperationException | FileSystemException e) {
            LOG.debug("{} cannot be a hard link", file, e);
            copy(blob, file);
        }
    }

    static void copy(Path blob, Path file) throws IOException {
        Path temporary = file.resolveSibling(".retain4j-" + UUID.randomUUID() + ".tmp");
        try {
            Files.copy(blob, temporary);
            Files.move(temporary, file, StandardCopyOption.ATOMIC_MOVE);
        } finally {
            Files.deleteIfExists(temporary);
        }
    }

    /** Returns the folder of a file in the cache. */
    static Path parent(Path file) {
        return Objects.requireNonNull(file.toAbsolutePath().getParent());
    }

    private Path inside(Path base, String path) throws HubException {
        RepoNames.requirePortable(path, repoId);
        try {
            Path file = base.resolve(path).normalize();
            if (file.startsWith(base.normalize()) && !file.equals(base.normalize())) {
                return file;
            }
        } catch (InvalidPathException e) {
            throw outside(path, e);
        }
        throw outside(path, null);
    }

    private HubException outside(String path, @Nullable Throwable cause) {
        return new HubException(
                "The path "
                        + RepoNames.quote(path)
                        + " of "
                        + repoId
                        + " cannot be a file in "
                        + folder
                        + "; expected a relative path",
                cause);
    }

    static HubException failed(Path file, String action, IOException cause) {
        String detail = cause.getMessage();
        if (cause instanceof FileSystemException e && e.getReason() != null) {
            detail = e.getReason();
        }
        return new HubException(
                file
                        + " cannot be "
                        + action
                        + " ("
                        + (detail == null ? cause.getClass().getSimpleName() : detail)
                        + "); check the rights and free space of the cache, or set HF_HUB_CACHE to"
                        + " another folder",
                cause);
    }
}
