package org.retain4j.core.tensor.internal;

import ai.djl.Device;
import ai.djl.engine.Engine;
import ai.djl.ndarray.NDManager;
import ai.djl.pytorch.engine.PtNDManager;
import ai.djl.pytorch.engine.PtSymbolBlock;
import ai.djl.pytorch.jni.JniUtils;
import ai.djl.pytorch.jni.LibUtils;
import java.io.ByteArrayInputStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import org.retain4j.core.natives.Libtorch;
import org.retain4j.core.natives.Natives;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Brings libtorch up once a process: offline, without telemetry, only in a version that DJL's JNI
 * library was built for, with our kernels loaded.
 *
 * <p>Safe for all threads.
 */
public final class EngineStart {

    /** The DJL version that the native declarations in {@link Native} belong to. */
    public static final String DJL_VERSION = Natives.DJL_VERSION;

    private static final Logger LOG = LoggerFactory.getLogger(EngineStart.class);
    private static volatile boolean cudaWanted;
    private static final ThreadLocal<Boolean> THREAD_READY = new ThreadLocal<>();

    private EngineStart() {}

    private static final class Holder {
        // stays referenced: when the block is collected, every call fails
        static final Libtorch LIBTORCH = prepare();
        static final PtSymbolBlock KERNELS = load();
        static final long HANDLE = KERNELS.getHandle();
    }

    /** Starts the engine if needed and returns the handle of the kernel module. */
    public static long kernels() {
        if (THREAD_READY.get() == null) {
            long handle = startedHandle();
            // the profiling executor specialises on shapes: with texts of changing length it only
            // costs time; the switch is a thread's own
            JniUtils.setGraphExecutorOptimize(false);
            THREAD_READY.set(Boolean.TRUE);
            return handle;
        }
        return Holder.HANDLE;
    }

    private static long startedHandle() {
        try {
            return Holder.HANDLE;
        } catch (ExceptionInInitializerError e) {
            Throwable cause = e.getCause() == null ? e : e.getCause();
            if (cause instanceof IllegalStateException known) {
                throw known;
            }
            throw new IllegalStateException(
                    "PyTorch engine did not start: " + cause.getMessage(), cause);
        } catch (NoClassDefFoundError e) {
            throw new IllegalStateException(
                    "PyTorch engine did not start earlier in this process; see the first error", e);
        }
    }

    private static Libtorch prepare() {
        setIfAbsent("ai.djl.offline", "true");
        setIfAbsent("OPT_OUT_TRACKING", "true");
        setIfAbsent("ai.djl.pytorch.graph_optimizer", "false");
        return choose();
    }

    private static PtSymbolBlock load() {
        try {
            NDManager manager = Engine.getEngine("PyTorch").newBaseManager(Device.cpu());
            // not through a DJL Model, which leaves a folder in the temporary directory
            PtSymbolBlock block =
                    JniUtils.loadModule(
                            (PtNDManager) manager,
                            new ByteArrayInputStream(KernelArchive.build()),
                            false,
                            false);
            LOG.debug("libtorch {} from {}", LibUtils.getVersion(), LibUtils.getLibtorchPath());
            return block;
        } catch (Exception | LinkageError e) {
            throw new IllegalStateException(
                    "PyTorch engine did not start: " + rootMessage(e) + "; " + advice(), e);
        }
    }

    /** Says that a GPU shall be used, which decides among several libtorch; before the start. */
    public static void wantCuda() {
        cudaWanted = true;
    }

    /** Returns the libtorch of this process; starts it if needed. */
    public static Libtorch libtorch() {
        kernels();
        return Holder.LIBTORCH;
    }

    /**
     * Tells DJL which libtorch to load, and loads what that does not find by itself.
     *
     * @throws IllegalStateException if there is none that fits
     */
    private static Libtorch choose() {
        Libtorch chosen = Natives.choose(cudaWanted);
        Path folder = chosen.folder();
        if (folder != null) {
            setIfAbsent("PYTORCH_LIBRARY_PATH", folder.toString());
            setIfAbsent("PYTORCH_VERSION", chosen.release());
            setIfAbsent("PYTORCH_FLAVOR", chosen.flavor());
            setIfAbsent("PYTORCH_LIBRARY_EXCLUSION", Natives.excluded(folder));
            loadAll(chosen.dependencies());
        }
        return chosen;
    }

    /** Loads libraries that need each other, in whatever order succeeds. */
    private static void loadAll(List<Path> libraries) {
        List<Path> waiting = new ArrayList<>(libraries);
        boolean progress = true;
        while (progress && !waiting.isEmpty()) {
            progress = false;
            for (Iterator<Path> all = waiting.iterator(); all.hasNext(); ) {
                Path next = all.next();
                try {
                    System.load(next.toString());
                    all.remove();
                    progress = true;
                } catch (UnsatisfiedLinkError e) {
                    LOG.debug("{} waits: {}", next, e.getMessage());
                }
            }
        }
        if (!waiting.isEmpty()) {
            LOG.debug("not loaded: {}", waiting);
        }
    }

    /** Returns in one sentence how to get a fitting libtorch. */
    public static String advice() {
        return Natives.advice();
    }

    private static void setIfAbsent(String property, String value) {
        if (System.getProperty(property) == null) {
            System.setProperty(property, value);
        }
    }

    private static String rootMessage(Throwable t) {
        Throwable root = t;
        while (root.getCause() != null && root.getCause() != root) {
            root = root.getCause();
        }
        String message = root.getMessage();
        return message == null
                ? root.getClass().getSimpleName()
                : message.lines().filter(line -> !line.isBlank()).findFirst().orElse("");
    }
}
