package org.retain4j.core.tensor;

import java.util.List;
import java.util.Locale;
import java.util.OptionalLong;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Memory of a device that libtorch could not get.
 *
 * <p>The message says what was asked for, what is in use by which scopes, and what to change. What
 * the failed operation had made is freed, so that a smaller one can follow.
 */
public final class DeviceOutOfMemoryException extends TensorException {

    private static final long serialVersionUID = 1L;

    private static final Pattern CPU =
            Pattern.compile(
                    "DefaultCPUAllocator: (?:can't allocate|not enough) memory: you tried to"
                            + " allocate (\\d+) bytes");
    private static final Pattern CUDA =
            Pattern.compile(
                    "CUDA out of memory\\. Tried to allocate (\\d+(?:\\.\\d+)?) (bytes|[KMGT]iB)");
    private static final Pattern GPU = Pattern.compile("GPU (\\d{1,3}) has a total capacity");
    private static final List<String> OTHERS =
            List.of(
                    "CUDA out of memory",
                    "CUDA error: out of memory",
                    "CUBLAS_STATUS_ALLOC_FAILED",
                    "CUDNN_STATUS_ALLOC_FAILED");
    private static final String ADVICE =
            "use smaller batches (per_device_train_batch_size, with more"
                    + " gradient_accumulation_steps), gradient_checkpointing, LoRA, or precision"
                    + " bf16, or close what is not needed";

    private final Device device;
    private final transient OptionalLong requestedBytes;
    private final transient List<Scope.Use> inUse;

    private DeviceOutOfMemoryException(
            String message,
            Device device,
            OptionalLong requestedBytes,
            List<Scope.Use> inUse,
            Throwable cause) {
        super(message, cause);
        this.device = device;
        this.requestedBytes = requestedBytes;
        this.inUse = inUse;
    }

    /** Returns the device whose memory is full. */
    public Device device() {
        return device;
    }

    /** Returns how many bytes were asked for; empty where libtorch does not say. */
    public OptionalLong requestedBytes() {
        return requestedBytes;
    }

    /** Returns what the open scopes held on the device at that time, the largest first. */
    public List<Scope.Use> inUse() {
        return inUse;
    }

    /**
     * Returns the exception for a message of libtorch, or null when it does not speak of memory.
     *
     * @param call the operation with its arguments
     */
    static @Nullable DeviceOutOfMemoryException of(String call, String message, Throwable cause) {
        Matcher cpu = CPU.matcher(message);
        if (cpu.find()) {
            return of(call, Device.CPU, parse(cpu.group(1)), message, cause);
        }
        if (OTHERS.stream().noneMatch(message::contains)) {
            return null;
        }
        Matcher gpu = GPU.matcher(message);
        Device device = Device.cuda(gpu.find() ? Integer.parseInt(gpu.group(1)) : 0);
        Matcher cuda = CUDA.matcher(message);
        OptionalLong bytes =
                cuda.find()
                        ? OptionalLong.of(
                                (long) (Double.parseDouble(cuda.group(1)) * unit(cuda.group(2))))
                        : OptionalLong.empty();
        return of(call, device, bytes, message, cause);
    }

    private static DeviceOutOfMemoryException of(
            String call, Device device, OptionalLong bytes, String message, Throwable cause) {
        List<Scope.Use> inUse = Scope.inUse(device);
        String held =
                inUse.isEmpty()
                        ? "no open scope holds anything there"
                        : "in use there: "
                                + inUse.stream()
                                        .limit(8)
                                        .map(Scope.Use::toString)
                                        .collect(Collectors.joining(", "));
        String sentence =
                "%s: memory of %s is full, %s asked for%s; %s; %s"
                        .formatted(
                                call,
                                device,
                                bytes.isPresent() ? size(bytes.getAsLong()) + " were" : "more was",
                                total(message),
                                held,
                                ADVICE);
        return new DeviceOutOfMemoryException(sentence, device, bytes, inUse, cause);
    }

    /** What libtorch says about a GPU as a whole, where it does. */
    private static String total(String message) {
        Matcher matcher =
                Pattern.compile("has a total capacity of ([\\d.]+ \\wiB) of which ([\\d.]+ \\w+)")
                        .matcher(message);
        return matcher.find()
                ? " with " + matcher.group(2) + " of " + matcher.group(1) + " free"
                : "";
    }

    private static OptionalLong parse(String digits) {
        return digits.length() > 18
                ? OptionalLong.empty()
                : OptionalLong.of(Long.parseLong(digits));
    }

    private static double unit(String name) {
        return switch (name) {
            case "KiB" -> 0x1p10;
            case "MiB" -> 0x1p20;
            case "GiB" -> 0x1p30;
            case "TiB" -> 0x1p40;
            default -> 1;
        };
    }

    static String size(long bytes) {
        return bytes < 1 << 20
                ? bytes + " bytes"
                : String.format(Locale.ROOT, "%.1f MiB", bytes / (double) (1 << 20));
    }
}
