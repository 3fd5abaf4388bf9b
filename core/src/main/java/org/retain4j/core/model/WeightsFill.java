package org.retain4j.core.model;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.retain4j.core.io.ElementConversion;
import org.retain4j.core.io.TensorInfo;
import org.retain4j.core.io.TensorSource;
import org.retain4j.core.tensor.DType;
import org.retain4j.core.tensor.Tensor;

/**
 * Fills tensors with the contents of files, in pieces and on several threads.
 *
 * <p>Every byte of a tensor is written once, so that fresh memory is touched once, and by all
 * threads: the first touch is what loading spends most of its time on. Files are read and never
 * mapped: one that shrinks meanwhile is an error and not a fault. Not safe for several threads.
 */
final class WeightsFill {

    /** Elements to read and convert at once: few enough to stay in the processor's cache. */
    private static final int CONVERTED = 128 << 10;

    /** Elements to read at once where there is nothing to convert. */
    private static final int COPIED = 2 << 20;

    /** More threads than this do not make memory faster. */
    private static final int MAX_THREADS = 8;

    private record Piece(TensorInfo info, Tensor target, long start, int count) {}

    private final TensorSource files;
    private final List<Piece> pieces = new ArrayList<>();

    WeightsFill(TensorSource files) {
        this.files = files;
    }

    /** Adds a tensor of type float32 on the CPU, which {@link #run} will fill. */
    void add(TensorInfo info, Tensor target) {
        int part = info.dtype() == DType.FLOAT32 ? COPIED : CONVERTED;
        long all = info.elementCount();
        for (long start = 0; start < all; start += part) {
            pieces.add(new Piece(info, target, start, (int) Math.min(part, all - start)));
        }
    }

    /**
     * Fills the tensors that were added, on this thread and helpers, which have ended when this
     * returns.
     *
     * @throws IOException if a file cannot be read or became shorter
     */
    void run() throws IOException {
        AtomicInteger next = new AtomicInteger();
        AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();
        Runnable work =
                () -> {
                    try {
                        work(next);
                    } catch (IOException | RuntimeException | Error e) {
                        failure.compareAndSet(null, e);
                        next.set(pieces.size());
                    }
                };
        List<Thread> helpers = new ArrayList<>();
        try {
            for (int i = 1; i < threads(); i++) {
                Thread helper = new Thread(work, "retain4j-load-" + i);
                helper.setDaemon(true);
                helper.start();
                helpers.add(helper);
            }
            work.run();
        } finally {
            joinAll(helpers);
            pieces.clear();
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

    private int threads() {
        long elements = pieces.stream().mapToLong(Piece::count).sum();
        int processors = Math.min(MAX_THREADS, Runtime.getRuntime().availableProcessors());
        return (int) Math.min(processors, 1 + elements / COPIED);
    }

    private void work(AtomicInteger next) throws IOException {
        ByteBuffer read = ByteBuffer.allocate(0);
        int taken;
        while ((taken = next.getAndIncrement()) < pieces.size()) {
            Piece piece = pieces.get(taken);
            TensorInfo info = piece.info();
            int width = info.dtype().bytes();
            long offset = piece.start() * width;
            if (info.dtype() == DType.FLOAT32) {
                piece.target()
                        .fill(
                                piece.start(),
                                piece.count(),
                                target -> files.read(info.name(), offset, target));
                continue;
            }
            if (read.capacity() < piece.count() * width) {
                read = ByteBuffer.allocateDirect(CONVERTED * width).order(ByteOrder.LITTLE_ENDIAN);
            }
            files.read(info.name(), offset, read.clear().limit(piece.count() * width));
            ByteBuffer source = read.flip();
            piece.target()
                    .fill(
                            piece.start(),
                            piece.count(),
                            target ->
                                    ElementConversion.convert(
                                            info.dtype(), source, DType.FLOAT32, target));
        }
    }

    /** Waits for all, as they write into memory that is freed after a failure. */
    private static void joinAll(List<Thread> threads) {
        boolean interrupted = false;
        for (Thread thread : threads) {
            while (thread.isAlive()) {
                try {
                    thread.join();
                } catch (InterruptedException e) {
                    interrupted = true;
                }
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
