package org.retain4j.merging;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.BiFunction;
import org.jspecify.annotations.Nullable;
import org.retain4j.core.io.SafetensorsWriter;
import org.retain4j.core.io.TensorCopy;
import org.retain4j.core.io.TensorSpec;
import org.retain4j.core.tensor.DType;
import org.retain4j.merging.method.Draws;
import org.retain4j.merging.method.FloatSink;
import org.retain4j.merging.method.FloatSource;
import org.retain4j.merging.method.TensorMerge;

/**
 * Computes the tensors of a merge on several threads, each a tensor at a time, and writes them into
 * the staged files. What comes out does not depend on the number of threads.
 */
final class MergeEngine {

    private static final int HASHED = 1 << 18;

    /** How often progress is told of, as telling may cost more than a part. */
    private static final int TOLD = 500;

    /** Buffers of one thread. */
    private static final class Worker {
        final FloatReader reader = new FloatReader();
        final RoundingSink rounding = new RoundingSink();
    }

    /** Work for any of the threads. */
    @FunctionalInterface
    private interface Task {
        void run(Worker worker) throws IOException;
    }

    /** A file that is being written. */
    private static final class Shard {
        final String file;
        final List<TensorSpec> specs;
        final AtomicInteger left;
        final Map<String, TensorNote> notes = new TreeMap<>();
        private @Nullable SafetensorsWriter writer;

        Shard(String file, List<TensorSpec> specs) {
            this.file = file;
            this.specs = specs;
            this.left = new AtomicInteger(specs.size());
        }

        synchronized SafetensorsWriter writer(Path path) throws IOException {
            if (writer == null) {
                writer = SafetensorsWriter.create(path, specs, Map.of("format", "pt"));
            }
            return writer;
        }

        synchronized void note(String name, TensorNote note) {
            notes.put(name, note);
        }

        synchronized void close() throws IOException {
            if (writer != null) {
                writer.close();
            }
        }
    }

    /** What a run brings besides the files. */
    record Result(Map<String, TensorNote> tensors, Map<Path, String> files) {}

    private final MergePlan plan;
    private final int threads;
    private final BiFunction<String, Draws, Draws> draws;
    private final TensorCopy.Progress progress;
    private final boolean statistics;
    private final MergeStatistics knowledge;
    private final AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();
    private long done;
    private long total;
    private long told;

    MergeEngine(
            MergePlan plan,
            int threads,
            BiFunction<String, Draws, Draws> draws,
            TensorCopy.Progress progress,
            boolean statistics,
            MergeStatistics knowledge) {
        this.plan = plan;
        this.threads = threads;
        this.draws = draws;
        this.progress = progress;
        this.statistics = statistics;
        this.knowledge = knowledge;
    }

    /**
     * Writes all files that are not finished and hashes files along the way.
     *
     * @param inputs files to hash
     */
    Result run(List<MergeJob> jobs, StagedShards shards, Set<Path> inputs) throws IOException {
        Map<String, MergeJob> byName = new HashMap<>();
        for (MergeJob job : jobs) {
            byName.put(job.output().name(), job);
            total += job.output().byteCount();
        }
        Map<Path, String> hashes = new TreeMap<>();
        List<Task> tasks = new ArrayList<>();
        for (Path input : inputs) {
            total += input.toFile().length();
            tasks.add(
                    worker -> {
                        String hash = hash(input);
                        synchronized (hashes) {
                            hashes.put(input, hash);
                        }
                    });
        }
        Map<String, TensorNote> notes = new TreeMap<>();
        List<Shard> open = new ArrayList<>();
        for (Map.Entry<String, List<TensorSpec>> file : shards.files().entrySet()) {
            List<TensorSpec> specs = new ArrayList<>(file.getValue());
            Map<String, TensorNote> finished = shards.finished(file.getKey());
            if (finished != null) {
                notes.putAll(finished);
                advance(specs.stream().mapToLong(TensorSpec::byteCount).sum());
                continue;
            }
            Shard shard = new Shard(file.getKey(), file.getValue());
            open.add(shard);
            // A large tensor at the end would leave the other threads without work.
            specs.sort(Comparator.comparingLong(TensorSpec::byteCount).reversed());
            for (TensorSpec spec : specs) {
                MergeJob job = Objects.requireNonNull(byName.get(spec.name()));
                tasks.add(worker -> write(job, shard, shards, worker));
            }
        }
        try {
            runAll(tasks);
        } finally {
            for (Shard shard : open) {
                shard.close();
            }
        }
        open.forEach(shard -> notes.putAll(shard.notes));
        return new Result(notes, hashes);
    }

    private void runAll(List<Task> tasks) throws IOException {
        AtomicInteger next = new AtomicInteger();
        List<Thread> running = new ArrayList<>();
        for (int i = 0; i < Math.min(threads, Math.max(1, tasks.size())); i++) {
            Thread thread = new Thread(() -> work(tasks, next), "merge-" + i);
            thread.setDaemon(true);
            thread.start();
            running.add(thread);
        }
        for (Thread thread : running) {
            join(thread);
        }
        Throwable thrown = failure.get();
        if (thrown instanceof IOException e) {
            throw e;
        }
        if (thrown instanceof RuntimeException e) {
            throw e;
        }
        if (thrown instanceof Error e) {
            throw e;
        }
    }

    /** Waits until a thread has ended; an interruption ends the work first. */
    private void join(Thread thread) {
        boolean interrupted = false;
        while (thread.isAlive()) {
            try {
                thread.join();
            } catch (InterruptedException e) {
                interrupted = true;
                failure.compareAndSet(
                        null, new InterruptedIOException("the merge was interrupted"));
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    private void work(List<Task> tasks, AtomicInteger next) {
        try {
            Worker worker = new Worker();
            for (int i = next.getAndIncrement();
                    i < tasks.size() && failure.get() == null;
                    i = next.getAndIncrement()) {
                tasks.get(i).run(worker);
            }
        } catch (Throwable e) {
            failure.compareAndSet(null, e);
        }
    }

    private synchronized void advance(long bytes) throws IOException {
        if (failure.get() != null) {
            throw new InterruptedIOException("another part of the merge failed");
        }
        done += bytes;
        if (done - told >= total / TOLD || done == total) {
            told = done;
            progress.at(done, total);
        }
    }

    private String hash(Path file) throws IOException {
        MessageDigest digest = TensorHash.sha256();
        ByteBuffer part = ByteBuffer.allocate(HASHED);
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
            while (channel.read(part.clear()) >= 0) {
                advance(part.position());
                digest.update(part.flip());
            }
        }
        return TensorHash.hex(digest);
    }

    private void write(MergeJob job, Shard shard, StagedShards shards, Worker worker)
            throws IOException {
        TensorSpec spec = job.output();
        SafetensorsWriter writer = shard.writer(shards.path(shard.file));
        MessageDigest digest = TensorHash.digest(spec.dtype(), spec.shape());
        RoundingSink.Bytes out =
                bytes -> {
                    digest.update(bytes.duplicate());
                    int count = bytes.remaining();
                    writer.write(spec.name(), bytes);
                    advance(count);
                };
        List<String> warnings = new ArrayList<>();
        TensorStatistics found = merge(job, out, worker, warnings);
        shard.note(spec.name(), new TensorNote(TensorHash.hex(digest), warnings, found));
        if (shard.left.decrementAndGet() == 0) {
            writer.commit();
            shards.finish(shard.file, shard.notes);
        }
    }

    private @Nullable TensorStatistics merge(
            MergeJob job, RoundingSink.Bytes out, Worker worker, List<String> warnings)
            throws IOException {
        String name = job.output().name();
        MergeJob.Input reference = job.base() != null ? job.base() : job.models().get(0);
        if (!reference.info().dtype().isFloatingPoint()) {
            TaskVector.copy(
                    reference.weights(), reference.info(), (tensor, bytes) -> out.write(bytes));
            return null;
        }
        FloatSink rounding = worker.rounding.to(job.output().dtype(), out);
        long[] written = new long[1];
        List<FloatSource> models = new ArrayList<>();
        for (MergeJob.Input input : job.models()) {
            models.add(input.open(one -> source(one, worker.reader)));
        }
        FloatSource base =
                job.base() == null ? null : job.base().open(one -> source(one, worker.reader));
        DType dtype = job.output().dtype();
        TensorStatistics.Collector collector =
                statistics
                        ? new TensorStatistics.Collector(models.size(), base != null, dtype)
                        : null;
        if (collector != null) {
            models.replaceAll(collector::watch);
            base = base == null ? null : collector.watch(base);
        }
        FloatSink sink =
                (values, count) -> {
                    rounding.write(values, count);
                    if (worker.rounding.sawNonFinite() && !plan.parity) {
                        throw notFinite(job, worker, written[0], count);
                    }
                    if (collector != null) {
                        collector.add(written[0], values, count);
                    }
                    written[0] += count;
                };
        TensorMerge merge =
                new TensorMerge(name, job.output().shape(), base, models, sink)
                        .parity(plan.parity)
                        .bfloat(plan.parity && computedIn(reference) == DType.BFLOAT16)
                        .draws(draws.apply(name, Draws.of(plan.seed, name)))
                        .warnings(sentence -> warnings.add(name + ": " + sentence));
        List<FloatSource> known = knowledge.of(job.models(), worker.reader);
        if (!known.isEmpty()) {
            merge.statistics(known);
        }
        job.settings().forEach(merge::set);
        for (int i = 0; i < models.size(); i++) {
            int model = i;
            job.own().get(i).forEach((key, value) -> merge.set(model, key, value));
        }
        try {
            plan.method.merge(merge);
        } catch (IllegalArgumentException | ArithmeticException e) {
            throw new MergeException(plan.file + ": at " + name + ", " + e.getMessage(), e);
        }
        return collector == null ? null : collector.result();
    }

    /** Says which model has numbers that are none, or that the merge made them. */
    private MergeException notFinite(MergeJob job, Worker worker, long at, int count)
            throws IOException {
        String name = job.output().name();
        List<MergeJob.Input> inputs = new ArrayList<>(job.models());
        if (job.base() != null) {
            inputs.add(job.base());
        }
        float[] values = new float[count];
        for (MergeJob.Input input : inputs) {
            input.open(one -> one.weights().floats(one.info(), worker.reader))
                    .read(at, values, count);
            for (int k = 0; k < count; k++) {
                if (!Float.isFinite(values[k])) {
                    return new MergeException(
                            input.weights().path()
                                    + " holds "
                                    + values[k]
                                    + " at element "
                                    + (at + k)
                                    + " of "
                                    + input.info().name()
                                    + "; expected numbers, leave this model out or repair it");
                }
            }
        }
        return new MergeException(
                plan.file
                        + ": at "
                        + name
                        + ", "
                        + plan.method.info().name()
                        + " gives values that are not finite in "
                        + job.output().dtype()
                        + "; check its parameters or choose a type with a larger range");
    }

    private DType computedIn(MergeJob.Input reference) {
        return plan.dtype == null ? reference.info().dtype() : plan.dtype;
    }

    private FloatSource source(MergeJob.Input input, FloatReader reader) throws MergeException {
        FloatSource stored = input.weights().floats(input.info(), reader);
        if (plan.parity && input.weights().isAdapted(input.info())) {
            stored = RoundingSink.rounded(stored, input.info().dtype());
        }
        DType type = plan.dtype;
        if (!plan.parity || type == null || type == DType.FLOAT32 || type == input.info().dtype()) {
            return stored;
        }
        return RoundingSink.rounded(stored, type);
    }
}
