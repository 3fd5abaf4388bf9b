package org.retain4j.core.tensor;

import ai.djl.pytorch.jni.JniUtils;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.stream.Stream;
import org.retain4j.core.natives.Driver;
import org.retain4j.core.tensor.internal.SimulatedCuda;

/**
 * The CUDA devices of this process, found by using them: DJL asks libcudart, which it does not find
 * where libtorch brings its own.
 */
final class CudaDevices {

    /** The directory of the kernel with one entry a GPU. */
    private static final Path GPUS = Path.of("/proc/driver/nvidia/gpus");

    private static final int MOST = 64;
    private static final Map<Integer, String> PROBLEMS = new HashMap<>();

    private CudaDevices() {}

    static int count() {
        TensorEngine.start();
        if (SimulatedCuda.isOn()) {
            return SimulatedCuda.DEVICES;
        }
        if (!built() || !problem(0).isEmpty()) {
            return 0;
        }
        int count = 1;
        // a device that is only asked for costs memory on it, so those that the system shows decide
        int shown = shown();
        while (count < shown && count < MOST) {
            count++;
        }
        return count;
    }

    private static boolean built() {
        return JniUtils.getFeatures().contains("CUDA") || TensorEngine.libtorch().hasCuda();
    }

    private static int shown() {
        String visible = System.getenv("CUDA_VISIBLE_DEVICES");
        if (visible != null) {
            return (int) Stream.of(visible.split(",")).filter(name -> !name.isBlank()).count();
        }
        try (Stream<Path> entries = Files.list(GPUS)) {
            return (int) entries.count();
        } catch (IOException e) {
            return 1;
        }
    }

    /** Returns why a device cannot be used, empty if it can. */
    private static synchronized String problem(int index) {
        return PROBLEMS.computeIfAbsent(
                index,
                i -> {
                    try (Scope scope = Scope.open()) {
                        Tensor.empty(DType.FLOAT32, Device.cuda(i), 1).close();
                        return "";
                    } catch (TensorException e) {
                        String message = String.valueOf(e.getMessage());
                        int colon = message.indexOf(": ");
                        return colon < 0 ? message : message.substring(colon + 2);
                    }
                });
    }

    /**
     * Checks that a device can be used.
     *
     * @throws IllegalArgumentException if it cannot; the message says why and what to do
     */
    static void require(Device device) {
        TensorEngine.start();
        if (SimulatedCuda.isOn()) {
            if (device.index() >= SimulatedCuda.DEVICES) {
                throw absent(device, "only " + SimulatedCuda.DEVICES + " are simulated");
            }
            return;
        }
        if (!built()) {
            throw absent(
                    device,
                    Driver.version() == null
                            ? "this machine has no NVIDIA driver, and libtorch is for the CPU"
                            : "libtorch is for the CPU");
        }
        String problem = problem(device.index());
        if (!problem.isEmpty()) {
            throw absent(device, problem);
        }
    }

    private static IllegalArgumentException absent(Device device, String why) {
        return new IllegalArgumentException(
                "device "
                        + device
                        + " is not there: libtorch "
                        + TensorEngine.libtorchVersion()
                        + " from "
                        + TensorEngine.libtorch().origin()
                        + " sees "
                        + count()
                        + " CUDA device(s) ("
                        + why
                        + "); use cpu, or install a CUDA build of libtorch as docs/cuda.md says");
    }
}
