package org.retain4j.core.tensor;

import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Place where a tensor lives: the CPU or one CUDA device.
 *
 * <p>Immutable, safe for all threads.
 *
 * @param type kind of device
 * @param index number of the CUDA device, 0 or more; always 0 for the CPU
 */
public record Device(Type type, int index) {

    /** Kind of device. */
    public enum Type {
        CPU,
        CUDA
    }

    /** The CPU. */
    public static final Device CPU = new Device(Type.CPU, 0);

    private static final Pattern CUDA_NAME = Pattern.compile("cuda(?::(\\d{1,3}))?");

    /**
     * Creates a device.
     *
     * @throws IllegalArgumentException if the index is negative, or not 0 for the CPU
     */
    public Device {
        if (index < 0 || (type == Type.CPU && index != 0)) {
            throw new IllegalArgumentException(
                    "device index "
                            + index
                            + " is not valid for "
                            + type
                            + "; expected 0 or more"
                            + " for CUDA and 0 for the CPU");
        }
    }

    /** Returns the CUDA device with this number. */
    public static Device cuda(int index) {
        return new Device(Type.CUDA, index);
    }

    /**
     * Reads a device from its PyTorch name: {@code cpu}, {@code cuda} or {@code cuda:N}, without
     * asking whether it is there.
     *
     * @throws IllegalArgumentException for any other text
     */
    public static Device parse(String name) {
        String text = name.strip().toLowerCase(Locale.ROOT);
        if (text.equals("cpu")) {
            return CPU;
        }
        Matcher matcher = CUDA_NAME.matcher(text);
        if (matcher.matches()) {
            return cuda(matcher.group(1) == null ? 0 : Integer.parseInt(matcher.group(1)));
        }
        throw new IllegalArgumentException(
                "unknown device \"" + name + "\"; expected auto, cpu, cuda or cuda:N");
    }

    /**
     * Returns the device that a name means in this process: {@code auto}, the first CUDA device if
     * one can be used and else the CPU, or {@code cpu}, {@code cuda}, {@code cuda:N}.
     *
     * @throws IllegalArgumentException for any other text, or if this process has no such device
     * @throws IllegalStateException if libtorch is missing or of the wrong version
     */
    public static Device of(String name) {
        return TensorEngine.device(name);
    }

    /** Returns whether this is a CUDA device. */
    public boolean isCuda() {
        return type == Type.CUDA;
    }

    /** Returns the PyTorch name, for example {@code cuda:0}. */
    @Override
    public String toString() {
        return type == Type.CPU ? "cpu" : "cuda:" + index;
    }
}
