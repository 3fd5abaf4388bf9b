package org.retain4j.core.hub;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedByInterruptException;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.retain4j.core.io.Folders;

/**
 * Brings one blob into the cache: resumes, retries, checks length and checksum, renames.
 *
 * <p>Bytes gather in a partial file that outlives failures. An etag of 64 hexadecimal digits is the
 * content's SHA-256 (large files), one of 40 is git's SHA-1 over {@code "blob " + length + "\0"}
 * and the content; of others only the length can be checked. Runs in one thread.
 */
final class BlobDownload {

    /** So much in one attempt counts as progress, after which earlier failures are forgotten. */
    private static final long PROGRESS = 1 << 20;

    private final HubClient client;
    private final HubSettings settings;
    private final RepoCache cache;
    private final Tracker tracker;
    private final String repoId;
    private final String commit;
    private final HubClient.RemoteFile file;
    private long size;

    BlobDownload(
            HubClient client,
            HubSettings settings,
            RepoCache cache,
            Tracker tracker,
            String repoId,
            String commit,
            HubClient.RemoteFile file) {
        this.client = client;
        this.settings = settings;
        this.cache = cache;
        this.tracker = tracker;
        this.repoId = repoId;
        this.commit = commit;
        this.file = file;
        this.size = file.size();
    }

    /** Makes the blob and the snapshot's link to it, unless they exist already. */
    void run() throws HubException, HubClient.EtagChangedException {
        Path blob = cache.blob(file.etag());
        Path part = cache.part(file.etag());
        try (CacheLock lock = CacheLock.take(cache.lock(file.etag()))) {
            if (!isWhole(blob)) {
                Files.createDirectories(RepoCache.parent(part));
                fetch(part, blob);
            }
            cache.link(file.etag(), commit, file.path());
            long length = Files.size(blob);
            tracker.at(file.path(), length, length, true);
        } catch (InterruptedException e) {
            throw RetryPolicy.interrupted(e);
        } catch (HubException e) {
            throw e;
        } catch (ClosedByInterruptException e) {
            throw RetryPolicy.interrupted(e);
        } catch (IOException e) {
            throw RepoCache.failed(part, "written", e);
        }
    }

    private boolean isWhole(Path blob) throws IOException {
        return Files.isRegularFile(blob) && (size < 0 || Files.size(blob) == size);
    }

    private void fetch(Path part, Path blob)
            throws IOException, InterruptedException, HubClient.EtagChangedException {
        boolean pure = !Files.exists(part);
        while (true) {
            boolean sound;
            try {
                receive(part);
                sound = matches(part);
            } catch (HubClient.EtagChangedException e) {
                Files.deleteIfExists(part);
                throw e;
            }
            if (sound) {
                break;
            }
            Files.deleteIfExists(part);
            if (pure) {
                throw new HubException(
                        "The content of "
                                + RepoNames.quote(file.path())
                                + " of "
                                + repoId
                                + " does not have the checksum "
                                + file.etag()
                                + " that the hub promises; it was thrown away; try again, and"
                                + " check proxies and HF_ENDPOINT");
            }
            // What an earlier run left behind may have been damaged, so once from the start.
            pure = true;
        }
        try (FileChannel channel = FileChannel.open(part, StandardOpenOption.WRITE)) {
            channel.force(true);
        }
        Files.move(part, blob, StandardCopyOption.ATOMIC_MOVE);
        Folders.store(RepoCache.parent(blob));
    }

    private void receive(Path part)
            throws IOException, InterruptedException, HubClient.EtagChangedException {
        RetryPolicy retry = new RetryPolicy(settings.pauses());
        while (true) {
            long have = Files.exists(part) ? Files.size(part) : 0;
            if (size >= 0 && have > size) {
                Files.delete(part);
                have = 0;
            }
            if (size > 0 && have == size) {
                return;
            }
            try {
                attempt(part, have);
                return;
            } catch (HubException e) {
                long now = Files.exists(part) ? Files.size(part) : 0;
                if (now - have >= PROGRESS) {
                    retry.progressed();
                }
                retry.failed(e);
            }
        }
    }

    private void attempt(Path part, long have)
            throws IOException, InterruptedException, HubClient.EtagChangedException {
        try (HubClient.Content content = open(part, have);
                FileChannel channel =
                        FileChannel.open(
                                part, StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
            long at = content.from();
            channel.truncate(at);
            long expected = size >= 0 ? size : content.total();
            if (content.total() >= 0 && at > 0 && content.total() != expected) {
                channel.truncate(0);
                throw HubException.passing(
                        sizes(content.total(), expected) + "; starting over", null, null);
            }
            long limit = expected >= 0 ? expected : HubClient.limit(file.path());
            tracker.at(file.path(), at, expected, false);
            List<ByteBuffer> buffers;
            while ((buffers = next(content)) != null) {
                for (ByteBuffer buffer : buffers) {
                    if (buffer.remaining() > limit - at) {
                        // Whatever came so far is of some other file.
                        channel.truncate(0);
                        throw new HubException(sizes(at + buffer.remaining(), limit));
                    }
                    while (buffer.hasRemaining()) {
                        at += channel.write(buffer, at);
                    }
                }
                tracker.at(file.path(), at, expected, false);
            }
            if (expected >= 0 && at < expected) {
                throw HubException.passing(sizes(at, expected), null, null);
            }
            size = at;
        }
    }

    private HubClient.Content open(Path part, long have)
            throws IOException, HubClient.EtagChangedException {
        HubClient.Content content = client.open(repoId, commit, file, have);
        if (content == null) {
            Files.deleteIfExists(part);
            throw HubException.passing(
                    "The server has no byte "
                            + have
                            + " of "
                            + RepoNames.quote(file.path())
                            + " of "
                            + repoId,
                    null,
                    null);
        }
        return content;
    }

    private String sizes(long got, long expected) {
        return "The server sends "
                + got
                + " bytes of "
                + RepoNames.quote(file.path())
                + " of "
                + repoId
                + "; expected "
                + expected;
    }

    private @Nullable List<ByteBuffer> next(HubClient.Content content)
            throws HubException, InterruptedException {
        try {
            return content.body().next(client.patience());
        } catch (IOException e) {
            throw HubClient.cut(file.path(), repoId, e);
        }
    }

    private boolean matches(Path part) throws IOException {
        String etag = file.etag();
        boolean large = etag.matches("[0-9a-f]{64}");
        if (!large && !etag.matches("[0-9a-f]{40}")) {
            return true;
        }
        MessageDigest digest = digest(large ? "SHA-256" : "SHA-1");
        try (FileChannel channel = FileChannel.open(part, StandardOpenOption.READ)) {
            if (!large) {
                digest.update(
                        ("blob " + channel.size() + "\0").getBytes(StandardCharsets.US_ASCII));
            }
            ByteBuffer buffer = ByteBuffer.allocate(1 << 16);
            while (channel.read(buffer) >= 0) {
                digest.update(buffer.flip());
                buffer.clear();
            }
        }
        return HexFormat.of().formatHex(digest.digest()).equals(etag);
    }

    private static MessageDigest digest(String name) {
        try {
            return MessageDigest.getInstance(name);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("Every Java platform has " + name, e);
        }
    }
}
