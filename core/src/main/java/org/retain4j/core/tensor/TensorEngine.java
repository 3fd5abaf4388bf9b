package org.retain4j.core.tensor;

import ai.djl.pytorch.jni.JniUtils;
import ai.djl.pytorch.jni.LibUtils;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Set;
import java.util.TreeSet;
import org.retain4j.core.natives.Driver;
import org.retain4j.core.natives.Libtorch;
import org.retain4j.core.tensor.internal.EngineStart;
import org.retain4j.core.tensor.internal.KernelArchive;
import org.retain4j.core.tensor.internal.SimulatedCuda;

/**
 * Facts and settings of the libtorch of this process.
 *
 * <p>The engine starts with the first call that needs it: without network, without telemetry, and
 * only with a libtorch that DJL's JNI library was built for. Safe for all threads.
 */
public final class TensorEngine {

    /** Largest number for {@link #setThreads}; OpenMP ends the process when it gets too many. */
    public static final int MAX_THREADS = 1024;

    private static final Set<String> CPU_FEATURES = readCpuFeatures();

    private TensorEngine() {}

    /**
     * Starts the engine if it is not up yet.
     *
     * @throws IllegalStateException if libtorch is missing or of the wrong version; the message
     *     says how to get a fitting one
     */
    public static void start() {
        EngineStart.kernels();
    }

    /** Returns the version of DJL that this library was written for. */
    public static String djlVersion() {
        return EngineStart.DJL_VERSION;
    }

    /** Returns the version of libtorch, for example {@code 2.7.1}. */
    public static String libtorchVersion() {
        start();
        return LibUtils.getVersion();
    }

    /** Returns the folder that libtorch was loaded from. */
    public static Path libtorchFolder() {
        start();
        return Path.of(LibUtils.getLibtorchPath());
    }

    /** Returns the libtorch of this process, with how it was found. */
    public static Libtorch libtorch() {
        return EngineStart.libtorch();
    }

    /** Returns the number of CUDA devices that can be used; 0 with a CPU build of libtorch. */
    public static int cudaDevices() {
        return CudaDevices.count();
    }

    /**
     * Returns the default device: the one named by the system property {@code retain4j.device},
     * else the CPU.
     *
     * @throws IllegalArgumentException if the property names no device of this process
     */
    public static Device defaultDevice() {
        return device(System.getProperty("retain4j.device", "cpu"));
    }

    /**
     * Returns a device by name; {@code auto} is the first CUDA device if there is one, else the
     * CPU.
     *
     * <p>Where the engine is not up yet, a name other than {@code cpu} also makes it look for a
     * libtorch with CUDA.
     *
     * @throws IllegalArgumentException if the name is unknown or this process has no such device
     */
    public static Device device(String name) {
        if (name.strip().equalsIgnoreCase("auto")) {
            if (Driver.version() != null) {
                EngineStart.wantCuda();
            }
            return cudaDevices() > 0 ? Device.cuda(0) : Device.CPU;
        }
        Device device = Device.parse(name);
        if (device.isCuda()) {
            EngineStart.wantCuda();
            CudaDevices.require(device);
        }
        return device;
    }

    /**
     * Returns whether float32 products on CUDA may use TF32: 10 bits of precision instead of 23,
     * several times as fast. Set {@code TORCH_ALLOW_TF32_CUBLAS_OVERRIDE=1} in the environment
     * before the process starts; products in bfloat16 and the CPU do not care.
     */
    public static boolean allowsTf32() {
        return "1".equals(System.getenv("TORCH_ALLOW_TF32_CUBLAS_OVERRIDE"));
    }

    /**
     * Returns whether the same run gives the same bits on CUDA, as it does on the CPU: asked for by
     * the system property {@code retain4j.deterministic=true} before the engine starts, together
     * with {@code CUBLAS_WORKSPACE_CONFIG=:4096:8} in the environment.
     *
     * <p>The price is attention that writes its whole score matrix, {@code [batch, heads, tokens,
     * tokens]}, where the default keeps it in registers.
     */
    public static boolean isDeterministic() {
        return KernelArchive.deterministic();
    }

    /** Returns how many threads one operator may use on the CPU. */
    public static int threads() {
        start();
        return JniUtils.getNumThreads();
    }

    /**
     * Sets how many threads one operator may use on the CPU, for the whole process.
     *
     * <p>Sums are split over threads: results of another number may differ in the last bits.
     *
     * @param threads from 1 to {@value #MAX_THREADS}
     * @throws IllegalArgumentException if the number is out of range
     */
    public static void setThreads(int threads) {
        if (threads < 1 || threads > MAX_THREADS) {
            throw new IllegalArgumentException(
                    "threads must be from 1 to " + MAX_THREADS + ", is " + threads);
        }
        start();
        JniUtils.setNumThreads(threads);
    }

    /**
     * Starts to record what libtorch does, in all threads; ends with {@link #stopProfile}.
     *
     * @param device the device whose kernels are recorded too
     */
    public static void startProfile(Device device) {
        start();
        JniUtils.startProfile(device.isCuda() && !SimulatedCuda.isOn(), false, false);
    }

    /** Ends the recording and writes it as a trace in Chrome's format. */
    public static void stopProfile(Path file) {
        JniUtils.stopProfile(file.toString());
    }

    /** Returns the features of this CPU as Linux names them, for example {@code avx512_bf16}. */
    public static Set<String> cpuFeatures() {
        return CPU_FEATURES;
    }

    /**
     * Returns whether OpenMP's waiting threads yield the CPU. Without {@code
     * OMP_WAIT_POLICY=PASSIVE} in the environment they spin, and a busy machine computes at a
     * fraction of its speed; it can only be set before the process starts.
     */
    public static boolean waitsPassively() {
        return "PASSIVE".equalsIgnoreCase(System.getenv("OMP_WAIT_POLICY"));
    }

    private static Set<String> readCpuFeatures() {
        Path file = Path.of("/proc/cpuinfo");
        if (!Files.isReadable(file)) {
            return Set.of();
        }
        try (var lines = Files.lines(file)) {
            return lines.filter(line -> line.startsWith("flags") || line.startsWith("Features"))
                    .findFirst()
                    .map(line -> line.substring(line.indexOf(':') + 1).strip())
                    .map(line -> new TreeSet<>(Arrays.asList(line.split("\\s+"))))
                    .map(Set::copyOf)
                    .orElse(Set.of());
        } catch (IOException e) {
            return Set.of();
        }
    }
}
