package org.retain4j.core.tensor.internal;

import ai.djl.Device;
import ai.djl.engine.Engine;
import ai.djl.ndarray.NDManager;
import ai.djl.pytorch.engine.PtNDManager;
import ai.djl.pytorch.engine.PtSymbolBlock;
import ai.djl.pytorch.jni.JniUtils;
import ai.djl.pytorch.jni.LibUtils;
import ai.djl.util.Platform;
import java.io.ByteArrayInputStream;
import java.nio.file.Path;
import java.util.Locale;
import org.jspecify.annotations.Nullable;
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
    public static final String DJL_VERSION = "0.36.0";

    /** The libtorch versions that this DJL version's JNI library can be loaded with. */
    public static final String LIBTORCH_SERIES = "2.7.";

    private static final Logger LOG = LoggerFactory.getLogger(EngineStart.class);
    private static final ThreadLocal<Boolean> THREAD_READY = new ThreadLocal<>();

    private EngineStart() {}

    private static final class Holder {
        // stays referenced: when the block is collected, every call fails
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

    private static PtSymbolBlock load() {
        setIfAbsent("ai.djl.offline", "true");
        setIfAbsent("OPT_OUT_TRACKING", "true");
        setIfAbsent("ai.djl.pytorch.graph_optimizer", "false");
        checkVersion();
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

    /**
     * Refuses a libtorch of another series: it would load, and compute with wrong struct layouts.
     */
    private static void checkVersion() {
        String override = environment("PYTORCH_LIBRARY_PATH");
        if (override != null) {
            String version = LibtorchVersion.of(Path.of(override));
            if (version == null) {
                throw new IllegalStateException(
                        "cannot tell the libtorch version of PYTORCH_LIBRARY_PATH="
                                + override
                                + "; expected a folder with libtorch "
                                + LIBTORCH_SERIES
                                + "x");
            }
            requireSeries(version, "PYTORCH_LIBRARY_PATH=" + override);
            return;
        }
        Platform platform = Platform.detectPlatform("pytorch");
        if (platform.isPlaceholder()) {
            throw new IllegalStateException("no libtorch on the class path; " + advice());
        }
        requireSeries(platform.getVersion(), "the class path");
    }

    static void requireSeries(String version, String where) {
        if (!version.startsWith(LIBTORCH_SERIES)) {
            throw new IllegalStateException(
                    "libtorch "
                            + version
                            + " from "
                            + where
                            + " does not belong to DJL "
                            + DJL_VERSION
                            + ", which was built for "
                            + LIBTORCH_SERIES
                            + "x and would compute wrong results with it; "
                            + advice());
        }
    }

    /** Returns in one sentence how to get a fitting libtorch. */
    public static String advice() {
        return "add the runtime dependency ai.djl.pytorch:pytorch-native-cpu:2.7.1 with classifier "
                + classifier()
                + ", or set PYTORCH_LIBRARY_PATH to the lib folder of an installed PyTorch "
                + LIBTORCH_SERIES
                + "x together with PYTORCH_VERSION=2.7.1 and PYTORCH_FLAVOR=cpu or cu128";
    }

    private static String classifier() {
        String os = System.getProperty("os.name", "").toLowerCase(Locale.ROOT);
        String arch = System.getProperty("os.arch", "").equals("aarch64") ? "aarch64" : "x86_64";
        if (os.contains("mac")) {
            return "osx-" + arch;
        }
        return (os.contains("win") ? "win-" : "linux-") + arch;
    }

    private static void setIfAbsent(String property, String value) {
        if (System.getProperty(property) == null) {
            System.setProperty(property, value);
        }
    }

    static @Nullable String environment(String name) {
        String value = System.getenv(name);
        if (value == null || value.isBlank()) {
            value = System.getProperty(name);
        }
        return value == null || value.isBlank() ? null : value;
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
