package org.retain4j.core.tensor;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.WeakHashMap;
import org.jspecify.annotations.Nullable;
import org.retain4j.core.tensor.internal.EngineStart;
import org.retain4j.core.tensor.internal.Native;
import org.retain4j.core.tensor.internal.NativeTensor;

/**
 * Owner of tensors: what is made inside dies with it, except what is passed out.
 *
 * <pre>{@code
 * try (Scope scope = Scope.open()) {
 *     Tensor y = x.matmul(w).add(b);   // the product dies at the end of the block
 *     return scope.passOut(y);         // y now belongs to the enclosing scope
 * }
 * }</pre>
 *
 * <p>{@link #open} binds the scope to the thread: every tensor that this thread makes belongs to
 * the innermost open scope. {@link #unbound} makes an owner for things that live long, such as the
 * weights of a model; tensors come into it by {@link #adopt}.
 *
 * <p>The outermost scope of a thread turns the recording of gradients off (see {@link Autograd})
 * and restores the thread's former state when it closes. A bound scope must be closed by the thread
 * that opened it; an unbound one may be used by all threads.
 */
public final class Scope implements AutoCloseable {

    private static final ThreadLocal<Deque<Scope>> OPEN = ThreadLocal.withInitial(ArrayDeque::new);

    /** Long-lived owners, for the message when memory is full. */
    private static final Set<Scope> UNBOUND =
            Collections.synchronizedSet(Collections.newSetFromMap(new WeakHashMap<>()));

    private static final StackWalker CALLERS =
            StackWalker.getInstance(StackWalker.Option.RETAIN_CLASS_REFERENCE);

    private final @Nullable Thread thread;
    private final String holder;
    private boolean gradModeBefore;
    private boolean closed;
    private @Nullable Tensor first;
    private int size;

    private Scope(@Nullable Thread thread, String holder) {
        this.thread = thread;
        this.holder = holder;
    }

    /** Opens a scope for the tensors that this thread makes from now on. */
    public static Scope open() {
        EngineStart.kernels();
        Scope scope = new Scope(Thread.currentThread(), "open scopes of this thread");
        Deque<Scope> stack = OPEN.get();
        if (stack.isEmpty()) {
            scope.gradModeBefore = Native.isGradMode();
            Native.setGradMode(false);
        }
        stack.push(scope);
        return scope;
    }

    /** Creates an owner that is bound to no thread and lives until it is closed. */
    public static Scope unbound() {
        Scope scope = new Scope(null, CALLERS.getCallerClass().getSimpleName());
        UNBOUND.add(scope);
        return scope;
    }

    /**
     * What scopes hold on one device.
     *
     * @param holder the class that made the scopes, or the scopes of this thread
     * @param tensors number of tensors
     * @param bytes sum of their sizes; memory that several tensors share counts for each
     */
    public record Use(String holder, int tensors, long bytes) {
        /** Returns one phrase such as {@code AdamW 1024.0 MiB in 544 tensors}. */
        @Override
        public String toString() {
            return holder
                    + " "
                    + DeviceOutOfMemoryException.size(bytes)
                    + " in "
                    + tensors
                    + (tensors == 1 ? " tensor" : " tensors");
        }
    }

    /**
     * Returns what the open scopes of this thread, and all that are bound to no thread, hold on a
     * device; the largest first.
     */
    public static List<Use> inUse(Device device) {
        List<Scope> scopes;
        synchronized (UNBOUND) {
            scopes = new ArrayList<>(UNBOUND);
        }
        scopes.addAll(OPEN.get());
        Map<String, Use> byHolder = new TreeMap<>();
        for (Scope scope : scopes) {
            Use use = scope.use(device);
            if (use.tensors > 0) {
                byHolder.merge(
                        use.holder,
                        use,
                        (a, b) -> new Use(a.holder, a.tensors + b.tensors, a.bytes + b.bytes));
            }
        }
        return byHolder.values().stream()
                .sorted(Comparator.comparingLong(Use::bytes).reversed())
                .toList();
    }

    private synchronized Use use(Device device) {
        int count = 0;
        long bytes = 0;
        for (Tensor tensor = first; tensor != null; tensor = tensor.next) {
            long own = tensor.bytesOn(device);
            if (own >= 0) {
                count++;
                bytes += own;
            }
        }
        return new Use(holder, count, bytes);
    }

    /**
     * Returns the innermost open scope of this thread.
     *
     * @throws IllegalStateException if this thread has none
     */
    public static Scope current() {
        Scope scope = OPEN.get().peek();
        if (scope == null) {
            throw new IllegalStateException(
                    "no Scope is open on thread "
                            + Thread.currentThread().getName()
                            + "; put the code into try (Scope scope = Scope.open()) { ... }");
        }
        return scope;
    }

    /**
     * Returns the number of tensors that are open now in this process, in all scopes and threads.
     */
    public static long liveTensors() {
        return NativeTensor.live();
    }

    /**
     * Moves a tensor of this scope to the scope around it and returns it; a tensor that belongs
     * elsewhere, such as a weight, stays where it is.
     *
     * @throws IllegalStateException if this scope is not bound, or is the thread's outermost one
     * @throws TensorException if the tensor is closed
     */
    public Tensor passOut(Tensor tensor) {
        return passTo(outer(), tensor);
    }

    /** Moves tensors to the scope around this one, as {@link #passOut(Tensor)} does with one. */
    public List<Tensor> passOut(List<Tensor> tensors) {
        Scope outer = outer();
        tensors.forEach(tensor -> passTo(outer, tensor));
        return tensors;
    }

    /** Never shortens a life: only what would die with this scope is moved. */
    private Tensor passTo(Scope outer, Tensor tensor) {
        tensor.requireOpen("passOut");
        Scope owner = tensor.owner;
        for (Scope scope : OPEN.get()) {
            if (scope == owner) {
                return outer.adopt(tensor);
            }
            if (scope == this) {
                break;
            }
        }
        return tensor;
    }

    private Scope outer() {
        if (thread != Thread.currentThread()) {
            throw new IllegalStateException(
                    "passOut works on an open scope of the calling thread; this one is bound to "
                            + (thread == null ? "no thread" : thread.getName()));
        }
        boolean found = false;
        for (Scope scope : OPEN.get()) {
            if (found) {
                return scope;
            }
            found = scope == this;
        }
        throw new IllegalStateException(
                "there is no scope around this one to pass a tensor to; open an outer Scope or"
                        + " move the tensor to an owner with adopt");
    }

    /**
     * Takes a tensor over from the scope that owns it now and returns it.
     *
     * @throws TensorException if the tensor is closed
     * @throws IllegalStateException if this scope is closed
     */
    public Tensor adopt(Tensor tensor) {
        tensor.requireOpen("adopt");
        Scope owner = tensor.owner;
        if (owner == this) {
            return tensor;
        }
        requireTaking();
        if (owner != null) {
            owner.unlink(tensor);
        }
        link(tensor);
        return tensor;
    }

    /** Returns how many open tensors this scope owns. */
    public synchronized int size() {
        return size;
    }

    private synchronized void requireTaking() {
        if (closed) {
            throw new IllegalStateException("this Scope is closed and takes no more tensors");
        }
    }

    synchronized void link(Tensor tensor) {
        requireTaking();
        tensor.owner = this;
        tensor.previous = null;
        tensor.next = first;
        if (first != null) {
            first.previous = tensor;
        }
        first = tensor;
        size++;
    }

    synchronized void unlink(Tensor tensor) {
        if (tensor.owner != this) {
            return;
        }
        if (tensor.previous != null) {
            tensor.previous.next = tensor.next;
        } else {
            first = tensor.next;
        }
        if (tensor.next != null) {
            tensor.next.previous = tensor.previous;
        }
        tensor.previous = null;
        tensor.next = null;
        tensor.owner = null;
        size--;
    }

    /**
     * Frees every tensor that this scope still owns; does nothing the second time.
     *
     * @throws IllegalStateException if the scope is bound and another thread closes it, or if
     *     scopes opened later on this thread are still open; these are closed as well
     */
    @Override
    public void close() {
        if (thread == null) {
            free();
            return;
        }
        if (thread != Thread.currentThread()) {
            throw new IllegalStateException(
                    "a Scope of thread " + thread.getName() + " must be closed by that thread");
        }
        synchronized (this) {
            if (closed) {
                return;
            }
        }
        Deque<Scope> stack = OPEN.get();
        int inner = 0;
        while (stack.peek() != this) {
            stack.pop().free();
            inner++;
        }
        stack.pop();
        free();
        if (stack.isEmpty()) {
            Native.setGradMode(gradModeBefore);
            OPEN.remove();
        }
        if (inner > 0) {
            throw new IllegalStateException(
                    inner
                            + " inner Scope(s) were still open; close scopes with try-with-resources");
        }
    }

    private synchronized void free() {
        closed = true;
        if (thread == null) {
            UNBOUND.remove(this);
        }
        while (first != null) {
            Tensor tensor = first;
            unlink(tensor);
            tensor.nativeTensor.close();
        }
    }
}
