package org.retain4j.core.nn;

import org.jspecify.annotations.Nullable;
import org.retain4j.core.tensor.DType;

/**
 * How a pass computes, for adapters.
 *
 * @param computeType type to multiply matrices in
 * @param dropoutSeed seed of the pass's random masks, or null for a pass without dropout
 */
public record PassMode(DType computeType, @Nullable Long dropoutSeed) {

    /** A pass without dropout. */
    public static PassMode of(DType computeType) {
        return new PassMode(computeType, null);
    }

    int scalarType() {
        return computeType.scalarType();
    }
}
