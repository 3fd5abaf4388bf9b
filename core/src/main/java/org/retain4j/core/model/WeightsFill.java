package org.retain4j.core.model;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.retain4j.core.io.ElementConversion;
import org.retain4j.core.io.TensorInfo;
import org.retain4j.core.io.TensorSource;
import org.retain4j.core.tensor.DType;
import org.retain4j.core.tensor.Device;
import org.retain4j.core.tensor.Scope;
import org.retain4j.core.tensor.Tensor;

/**
 * Fills tensors with the contents of files, in pieces and on several threads.
 *
 * <p>A tensor on a GPU gets its pieces through one buffer of pinned memory a thread: no tensor is
 * whole in the memory of the CPU.
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

    /** Elements to convert before one copy to a GPU: enough to hide what starting it costs. */
    private static final int SENT = 2 << 20;

    /** More threads than this do not make memory faster. */
    private static final int MAX_THREADS = 8;

    private record Piece(TensorInfo info, Tensor target, long start, int count) {}

    private final TensorSource files;
    private final List<Piece> pieces = new ArrayList<>();

    WeightsFill(TensorSource files) {
        this.files = files;
    }

    /** Adds a contiguous tensor of type float32 on any device, which {@link #run} will fill. */
    void add(TensorInfo info, Tensor target) {
        int part =
                target.device().isCuda()
                        ? SENT
                        : info.dtype() == DType.FLOAT32 ? COPIED : CONVERTED;
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
                    try (Scope scope = Scope.open()) {
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
        Buffers buffers = new Buffers();
        int taken;
        while ((taken = next.getAndIncrement()) < pieces.size()) {
            Piece piece = pieces.get(taken);
            Device device = piece.target().device();
            if (!device.isCuda()) {
                read(piece, piece.target(), piece.start(), buffers);
                continue;
            }
            Tensor staging = buffers.staging(device);
            read(piece, staging, 0, buffers);
            piece.target().copyPartInPlace(piece.start(), staging, piece.count());
        }
    }

    /** What one thread reads into on the way. */
    private static final class Buffers {
        private ByteBuffer bytes = ByteBuffer.allocate(0);
        private final Map<Device, Tensor> staging = new HashMap<>();

        ByteBuffer bytes(int length) {
            if (bytes.capacity() < length) {
                bytes = ByteBuffer.allocateDirect(length).order(ByteOrder.LITTLE_ENDIAN);
            }
            return bytes.clear().limit(length);
        }

        Tensor staging(Device device) {
            return staging.computeIfAbsent(device, d -> Tensor.staging(DType.FLOAT32, d, SENT));
        }
    }

    /** Reads a piece into a tensor on the CPU. */
    private void read(Piece piece, Tensor into, long at, Buffers buffers) throws IOException {
        TensorInfo info = piece.info();
        int width = info.dtype().bytes();
        long offset = piece.start() * width;
        if (info.dtype() == DType.FLOAT32) {
            into.fill(at, piece.count(), target -> files.read(info.name(), offset, target));
            return;
        }
        for (int done = 0; done < piece.count(); done += CONVERTED) {
            int count = Math.min(CONVERTED, piece.count() - done);
            ByteBuffer read = buffers.bytes(count * width);
            files.read(info.name(), offset + (long) done * width, read);
            ByteBuffer source = read.flip();
            into.fill(
                    at + done,
                    count,
                    target ->
                            ElementConversion.convert(info.dtype(), source, DType.FLOAT32, target));
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
