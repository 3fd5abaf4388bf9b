package org.retain4j.core.hub;

import java.io.IOException;
import java.nio.file.FileStore;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletionService;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorCompletionService;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** One call for one revision of one repository: from the cache if possible, else from the hub. */
final class RepoDownload {

    private static final Logger LOG = LoggerFactory.getLogger(RepoDownload.class);
    private static final int PARALLEL = 4;
    private static final int RETRIES = 5;
    private static final int ETAG_CHANGES = 2;
    private static final AtomicInteger THREADS = new AtomicInteger();

    private final HubSettings settings;
    private final String repoId;
    private final String revision;
    private final DownloadListener listener;
    private final RepoCache cache;

    RepoDownload(HubSettings settings, String repoId, String revision, DownloadListener listener)
            throws HubException {
        this.settings = settings;
        this.repoId = repoId;
        this.revision = revision;
        this.listener = listener;
        this.cache = new RepoCache(settings.cache(), repoId, settings.symlinks());
        RepoNames.requirePortable(revision, "The revision of " + repoId);
    }

    /** Returns the folder of the snapshot with all files that a model load needs. */
    Path model() throws HubException {
        String known = cache.commit(revision);
        String usable = known != null && ModelFiles.missing(cache, known) == null ? known : null;
        boolean pinned =
                usable != null && revision.equals(usable) && ModelFiles.isComplete(cache, usable);
        if (pinned || (settings.offline() && usable != null)) {
            return cache.snapshot(Objects.requireNonNull(usable));
        }
        requireOnline(known == null ? null : ModelFiles.missing(cache, known), known);
        HubClient client = new HubClient(settings);
        Listing listing = list(client, usable != null);
        if (listing == null) {
            return cache.snapshot(Objects.requireNonNull(usable));
        }
        Set<String> files = new LinkedHashSet<>(ModelFiles.select(repoId, listing.files()));
        String commit = listing.commit();
        if (files.contains(ModelFiles.INDEX)) {
            fetch(client, commit, Set.of(ModelFiles.INDEX), DownloadListener.NONE);
            Path index = cache.file(commit, ModelFiles.INDEX);
            files.addAll(ModelFiles.shards(repoId, listing.files(), index));
        }
        fetch(client, commit, files, listener);
        ModelFiles.recordAbsent(cache, listing);
        cache.record(revision, commit);
        return cache.snapshot(commit);
    }

    /** Returns one file of the repository. */
    Path file(String path) throws HubException {
        RepoNames.requirePortable(path, "The request for a file of " + repoId);
        ModelFiles.requireNoPickle(repoId, path);
        String known = cache.commit(revision);
        boolean usable = known != null && cache.has(known, path);
        if (known != null && usable && (settings.offline() || revision.equals(known))) {
            return cache.file(known, path);
        }
        requireOnline(known == null ? null : path, known);
        HubClient client = new HubClient(settings);
        Listing listing = list(client, usable);
        if (listing == null) {
            return cache.file(Objects.requireNonNull(known), path);
        }
        String commit = listing.commit();
        if (!listing.files().contains(path)) {
            throw new HubException(
                    repoId
                            + " has no file "
                            + RepoNames.quote(path)
                            + " at revision "
                            + RepoNames.quote(revision)
                            + "; see "
                            + settings.endpoint()
                            + "/"
                            + repoId
                            + "/tree/"
                            + commit);
        }
        fetch(client, commit, Set.of(path), listener);
        cache.record(revision, commit);
        return cache.file(commit, path);
    }

    private void requireOnline(@Nullable String missing, @Nullable String commit)
            throws HubException {
        if (settings.offline()) {
            throw new HubException(
                    repoId
                            + (missing == null || commit == null
                                    ? " at revision "
                                            + RepoNames.quote(revision)
                                            + " is not in the cache "
                                            + settings.cache()
                                    : " has no "
                                            + RepoNames.quote(missing)
                                            + " in "
                                            + cache.snapshot(commit))
                            + " and the hub is switched off; unset HF_HUB_OFFLINE to fetch it");
        }
    }

    /** Asks the hub, or returns null when it cannot be reached and the cache will do. */
    private @Nullable Listing list(HubClient client, boolean cached) throws HubException {
        try {
            Listing listing = client.list(repoId, revision, cached ? 0 : RETRIES);
            if (RepoNames.isCommit(revision) && !revision.equals(listing.commit())) {
                throw new HubException(
                        "The hub answers with commit "
                                + listing.commit()
                                + " of "
                                + repoId
                                + " instead of "
                                + revision
                                + "; check HF_ENDPOINT");
            }
            return listing;
        } catch (HubException e) {
            if (!cached || !e.isPassing()) {
                throw e;
            }
            LOG.warn("{}; using {} from the cache {}", e.getMessage(), repoId, settings.cache());
            return null;
        }
    }

    private void fetch(HubClient client, String commit, Set<String> files, DownloadListener heard)
            throws HubException {
        List<String> absent = new ArrayList<>();
        long cached = 0;
        for (String file : files) {
            if (cache.has(commit, file)) {
                cached += length(cache.file(commit, file));
            } else {
                absent.add(file);
            }
        }
        List<Callable<HubClient.RemoteFile>> questions = new ArrayList<>();
        for (String file : absent) {
            questions.add(() -> client.describe(repoId, commit, file));
        }
        List<HubClient.RemoteFile> remote = inParallel(questions);
        long size = cached;
        for (HubClient.RemoteFile file : remote) {
            size = size < 0 || file.size() < 0 ? -1 : size + file.size();
        }
        requireSpace(remote);
        Tracker tracker = new Tracker(heard, size);
        for (String file : files) {
            if (cache.has(commit, file)) {
                long length = length(cache.file(commit, file));
                tracker.at(file, length, length, true);
            }
        }
        List<Callable<Boolean>> downloads = new ArrayList<>();
        for (HubClient.RemoteFile file : remote) {
            downloads.add(() -> download(client, commit, file, tracker));
        }
        inParallel(downloads);
    }

    private static long length(Path file) throws HubException {
        try {
            return Files.size(file);
        } catch (IOException e) {
            throw RepoCache.failed(file, "read", e);
        }
    }

    private boolean download(
            HubClient client, String commit, HubClient.RemoteFile described, Tracker tracker)
            throws HubException {
        HubClient.RemoteFile file = described;
        for (int change = 0; ; change++) {
            try {
                new BlobDownload(client, settings, cache, tracker, repoId, commit, file).run();
                return true;
            } catch (HubClient.EtagChangedException e) {
                if (change == ETAG_CHANGES) {
                    throw new HubException(
                            "The etag of "
                                    + RepoNames.quote(file.path())
                                    + " of "
                                    + repoId
                                    + " changes again and again at the same commit; check"
                                    + " HF_ENDPOINT and proxies",
                            e);
                }
                file = client.describe(repoId, commit, file.path());
            }
        }
    }

    private void requireSpace(List<HubClient.RemoteFile> files) throws HubException {
        long needed = 0;
        try {
            for (HubClient.RemoteFile file : files) {
                Path part = cache.part(file.etag());
                if (file.size() > 0 && !Files.exists(cache.blob(file.etag()))) {
                    long there = Files.exists(part) ? Files.size(part) : 0;
                    // A sum of 100,000 files of at most 2^44 bytes fits a long.
                    needed += Math.max(0, file.size() - there);
                }
            }
            Files.createDirectories(cache.folder());
            FileStore store = Files.getFileStore(cache.folder());
            long free = store.getUsableSpace();
            // Some network file systems report nothing.
            if (free > 0 && needed > free) {
                throw new HubException(
                        repoId
                                + " needs "
                                + needed
                                + " bytes more but only "
                                + free
                                + " are free under "
                                + settings.cache()
                                + "; free space or set HF_HUB_CACHE to a folder on another disk");
            }
        } catch (HubException e) {
            throw e;
        } catch (IOException e) {
            throw RepoCache.failed(cache.folder(), "made", e);
        }
    }

    /** Runs tasks on a few threads; the first failure stops the others. */
    private static <T> List<T> inParallel(List<Callable<T>> tasks) throws HubException {
        if (tasks.isEmpty()) {
            return List.of();
        }
        ExecutorService pool =
                Executors.newFixedThreadPool(
                        Math.min(PARALLEL, tasks.size()),
                        task -> {
                            Thread thread =
                                    new Thread(task, "retain4j-hub-" + THREADS.incrementAndGet());
                            thread.setDaemon(true);
                            return thread;
                        });
        try {
            CompletionService<T> completion = new ExecutorCompletionService<>(pool);
            tasks.forEach(completion::submit);
            List<T> results = new ArrayList<>();
            for (int i = 0; i < tasks.size(); i++) {
                results.add(completion.take().get());
            }
            return results;
        } catch (InterruptedException e) {
            throw RetryPolicy.interrupted(e);
        } catch (ExecutionException e) {
            Throwable cause = e.getCause();
            if (cause instanceof HubException hub) {
                throw hub;
            }
            if (cause instanceof RuntimeException runtime) {
                throw runtime;
            }
            if (cause instanceof Error error) {
                throw error;
            }
            throw new HubException("The download failed: " + cause, cause);
        } finally {
            pool.shutdownNow();
            awaitEnd(pool);
        }
    }

    private static void awaitEnd(ExecutorService pool) {
        boolean interrupted = Thread.interrupted();
        try {
            if (!pool.awaitTermination(5, TimeUnit.SECONDS)) {
                LOG.debug("Some downloads are still coming to an end");
            }
        } catch (InterruptedException e) {
            interrupted = true;
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
