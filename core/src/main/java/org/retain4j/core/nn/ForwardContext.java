package org.retain4j.core.nn;

import java.util.List;
import org.jspecify.annotations.Nullable;
import org.retain4j.core.tensor.DType;
import org.retain4j.core.tensor.Tensor;

/**
 * What every block of one forward pass needs beside its input.
 *
 * @param cos cosines of the rotary angles, {@code [batch or 1, 1, tokens, headDim]}
 * @param sin sines, of the same shape
 * @param mask which key each query may see, boolean {@code [batch, 1, tokens, tokens]}, or empty
 *     for plain causal attention
 * @param computeType type to multiply matrices in
 * @param cache keys and values of earlier tokens, or null when there are none
 */
public record ForwardContext(
        Tensor cos, Tensor sin, List<Tensor> mask, DType computeType, @Nullable KvCache cache) {}
