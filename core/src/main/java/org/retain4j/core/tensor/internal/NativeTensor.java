package org.retain4j.core.tensor.internal;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.concurrent.atomic.AtomicLong;

/**
 * A native tensor with the count of calls that use it, so that closing it in one thread never frees
 * memory that another thread is reading.
 *
 * <p>Safe for all threads.
 */
public final class NativeTensor {

    private static final int CLOSED = Integer.MIN_VALUE;
    private static final VarHandle USES;
    private static final AtomicLong LIVE = new AtomicLong();

    static {
        try {
            USES = MethodHandles.lookup().findVarHandle(NativeTensor.class, "uses", int.class);
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    private final long handle;

    @SuppressWarnings("UnusedVariable") // read and written through USES
    private volatile int uses;

    /** Takes over a native handle; {@link #close} frees it. */
    public NativeTensor(long handle) {
        this.handle = handle;
        LIVE.incrementAndGet();
    }

    /** Returns how many native tensors Java holds now, in all threads. */
    public static long live() {
        return LIVE.get();
    }

    /** Enters a use of the handle; returns false when the tensor is closed. */
    public boolean acquire() {
        while (true) {
            int now = (int) USES.getVolatile(this);
            if (now < 0) {
                return false;
            }
            if (USES.compareAndSet(this, now, now + 1)) {
                return true;
            }
        }
    }

    /** Leaves a use of the handle, and frees it when it was closed meanwhile. */
    public void release() {
        int before = (int) USES.getAndAdd(this, -1);
        if (before == CLOSED + 1) {
            free();
        }
    }

    /** Returns the handle; valid only between {@link #acquire} and {@link #release}. */
    public long handle() {
        return handle;
    }

    /** Returns whether {@link #close} was called. */
    public boolean isClosed() {
        return (int) USES.getVolatile(this) < 0;
    }

    /** Frees the tensor as soon as no call uses it; does nothing the second time. */
    public void close() {
        int before = (int) USES.getAndBitwiseOr(this, CLOSED);
        if (before == 0) {
            free();
        }
    }

    private void free() {
        Native.deleteTensor(handle);
        LIVE.decrementAndGet();
    }
}
