package org.retain4j.core.model;

import org.retain4j.core.tensor.Precision;

/**
 * How far a device may be from the CPU, in one place for all tests that compare the two.
 *
 * <p>Both compute the same sums in another order. With logits scaled to their root mean square, the
 * error of a sum of n products is about {@code sqrt(n)} roundings: 6e-8 each in float32, 4e-3 each
 * in bfloat16 (whose sums are kept in float32). TF32 rounds operands to 5e-4.
 */
enum DeviceTolerance {
    FLOAT32(1e-4),
    TF32(5e-3),
    BFLOAT16(3e-2);

    private final double relative;

    DeviceTolerance(double relative) {
        this.relative = relative;
    }

    /** Returns the largest difference, as a share of the root mean square of the reference. */
    double relative() {
        return relative;
    }

    static DeviceTolerance of(Precision precision, boolean tf32) {
        if (precision == Precision.BF16_MIXED) {
            return BFLOAT16;
        }
        return tf32 ? TF32 : FLOAT32;
    }
}
