package org.retain4j.lora;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Makes blocks of bytes on all processors and hands them on one by one, in the order in which they
 * were asked for, while the next are made.
 *
 * <p>At most two blocks more than there are processors exist at a time. Used by one thread.
 */
final class OrderedBlocks implements AutoCloseable {

    /** Makes a block; runs on another thread, beside others. */
    @FunctionalInterface
    interface Work {
        /** Returns bytes that may lie in the workspace. */
        ByteBuffer make(Workspace space) throws IOException;
    }

    /** Takes finished blocks, on the thread that asked for them. */
    @FunctionalInterface
    interface Sink {
        /** Takes a block, which is used again afterwards. */
        void take(ByteBuffer bytes) throws IOException;
    }

    /** Memory that a block is made in; it grows to the largest that was asked for. */
    static final class Workspace {
        private float[] values = new float[0];
        private int[] words = new int[0];
        private final @Nullable ByteBuffer[] buffers = new ByteBuffer[4];

        /** Returns numbers with anything in them. */
        float[] values(int count) {
            if (values.length < count) {
                values = new float[count];
            }
            return values;
        }

        /** Returns numbers with anything in them. */
        int[] words(int count) {
            if (words.length < count) {
                words = new int[count];
            }
            return words;
        }

        /** Returns an empty little-endian buffer with a limit. */
        ByteBuffer buffer(int number, int bytes) {
            ByteBuffer buffer = buffers[number];
            if (buffer == null || buffer.capacity() < bytes) {
                buffer = ByteBuffer.allocateDirect(bytes).order(ByteOrder.LITTLE_ENDIAN);
                buffers[number] = buffer;
            }
            return buffer.clear().limit(bytes);
        }
    }

    private record Pending(Future<ByteBuffer> block, Workspace space, Sink sink) {}

    private final ExecutorService workers;
    private final Deque<Workspace> free = new ArrayDeque<>();
    private final Deque<Pending> pending = new ArrayDeque<>();

    OrderedBlocks() {
        int processors = Runtime.getRuntime().availableProcessors();
        workers =
                Executors.newFixedThreadPool(
                        processors,
                        action -> {
                            Thread thread = new Thread(action, "retain4j-merge");
                            thread.setDaemon(true);
                            return thread;
                        });
        for (int i = 0; i < processors + 2; i++) {
            free.push(new Workspace());
        }
    }

    /** Asks for a block; waits for the oldest and hands it on when too many are on the way. */
    void add(Work work, Sink sink) throws IOException {
        if (free.isEmpty()) {
            handOn();
        }
        Workspace space = free.pop();
        pending.add(new Pending(workers.submit(() -> work.make(space)), space, sink));
    }

    /** Runs something beside the blocks that are still on the way. */
    Future<?> beside(Work work) {
        return workers.submit(() -> work.make(new Workspace()));
    }

    /** Hands all blocks on. */
    void finish() throws IOException {
        while (!pending.isEmpty()) {
            handOn();
        }
    }

    private void handOn() throws IOException {
        Pending oldest = pending.remove();
        oldest.sink().take(result(oldest.block()));
        free.push(oldest.space());
    }

    /** Waits for a result and throws what it threw. */
    static <T> T result(Future<T> future) throws IOException {
        try {
            return future.get();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new InterruptedIOException("interrupted while weights were merged");
        } catch (ExecutionException e) {
            Throwable cause = e.getCause();
            if (cause instanceof IOException io) {
                throw io;
            }
            if (cause instanceof RuntimeException runtime) {
                throw runtime;
            }
            if (cause instanceof Error error) {
                throw error;
            }
            throw new IllegalStateException(cause);
        }
    }

    /** Waits for blocks that are being made, as they read files that are closed afterwards. */
    @Override
    public void close() {
        pending.forEach(one -> one.block().cancel(false));
        workers.shutdown();
        boolean interrupted = false;
        while (true) {
            try {
                if (workers.awaitTermination(1, TimeUnit.MINUTES)) {
                    break;
                }
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
