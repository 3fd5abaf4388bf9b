package org.retain4j.core.tensor;

import java.util.Locale;
import java.util.Set;

/**
 * Type in which matrices are multiplied; weights, sums and optimizer state stay in float32.
 *
 * <p>Immutable, safe for all threads.
 */
public enum Precision {
    /** Everything in float32. */
    F32(DType.FLOAT32),
    /**
     * Matrix products in bfloat16 over float32 master weights. About 2.6 times as fast as float32
     * on a CPU with avx512_bf16 or AMX; slower than float32 on a CPU without.
     */
    BF16_MIXED(DType.BFLOAT16);

    private final DType computeType;

    Precision(DType computeType) {
        this.computeType = computeType;
    }

    /** Returns the type of the operands of matrix products. */
    public DType computeType() {
        return computeType;
    }

    /** Returns {@link #BF16_MIXED} where the device multiplies bfloat16 in hardware, else F32. */
    public static Precision auto(Device device) {
        Set<String> features = TensorEngine.cpuFeatures();
        boolean fast =
                device.isCuda()
                        || features.contains("avx512_bf16")
                        || features.contains("amx_bf16");
        return fast ? BF16_MIXED : F32;
    }

    /**
     * Returns what is used where nobody chose: {@link #BF16_MIXED} on CUDA, where float32 leaves
     * most of a GPU idle, and float32, whose numbers are those of every other machine, on the CPU.
     */
    public static Precision standard(Device device) {
        return device.isCuda() ? BF16_MIXED : F32;
    }

    /**
     * Reads {@code auto}, {@code f32} or {@code bf16}.
     *
     * @throws IllegalArgumentException for any other text
     */
    public static Precision parse(String name, Device device) {
        return switch (name.strip().toLowerCase(Locale.ROOT)) {
            case "auto" -> auto(device);
            case "f32", "fp32", "float32" -> F32;
            case "bf16", "bfloat16" -> BF16_MIXED;
            default ->
                    throw new IllegalArgumentException(
                            "unknown precision \"" + name + "\"; expected auto, f32 or bf16");
        };
    }
}
