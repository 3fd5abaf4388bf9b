package org.retain4j.core.tensor;

import org.jspecify.annotations.Nullable;

/**
 * Element type of a {@link Tensor}.
 *
 * <p>Spelled as in PyTorch; {@link #safetensorsName()} gives the spelling of the safetensors
 * format. Immutable, safe for all threads.
 */
public enum DType {
    FLOAT32("float32", "F32", 4, 6),
    FLOAT64("float64", "F64", 8, 7),
    FLOAT16("float16", "F16", 2, 5),
    BFLOAT16("bfloat16", "BF16", 2, 15),
    INT8("int8", "I8", 1, 1),
    UINT8("uint8", "U8", 1, 0),
    INT32("int32", "I32", 4, 3),
    INT64("int64", "I64", 8, 4),
    BOOL("bool", "BOOL", 1, 11);

    private final String torchName;
    private final String safetensorsName;
    private final int bytes;
    private final int scalarType;

    DType(String torchName, String safetensorsName, int bytes, int scalarType) {
        this.torchName = torchName;
        this.safetensorsName = safetensorsName;
        this.bytes = bytes;
        this.scalarType = scalarType;
    }

    /** Returns the size of one element in bytes. */
    public int bytes() {
        return bytes;
    }

    /** Returns the name used in safetensors headers, for example {@code BF16}. */
    public String safetensorsName() {
        return safetensorsName;
    }

    /** Returns PyTorch's number of this type ({@code c10::ScalarType}). */
    public int scalarType() {
        return scalarType;
    }

    /** Returns whether this is a floating-point type, the only kind that can carry gradients. */
    public boolean isFloatingPoint() {
        return this == FLOAT32 || this == FLOAT64 || this == FLOAT16 || this == BFLOAT16;
    }

    /** Returns the type with this safetensors name, or null when there is none. */
    public static @Nullable DType ofSafetensorsName(String name) {
        for (DType type : values()) {
            if (type.safetensorsName.equals(name)) {
                return type;
            }
        }
        return null;
    }

    /** Returns the type with this PyTorch number, or null when there is none. */
    public static @Nullable DType ofScalarType(int scalarType) {
        for (DType type : values()) {
            if (type.scalarType == scalarType) {
                return type;
            }
        }
        return null;
    }

    /** Returns the PyTorch name, for example {@code bfloat16}. */
    @Override
    public String toString() {
        return torchName;
    }
}
