package org.retain4j.core.nn;

import java.util.List;
import org.retain4j.core.tensor.Device;
import org.retain4j.core.tensor.Kernels;
import org.retain4j.core.tensor.Scope;
import org.retain4j.core.tensor.Tensor;

/**
 * Rotary position embedding (Su et al. 2021, arXiv:2104.09864) with the frequencies θ^(-2i/d).
 *
 * <p>Safe for all threads.
 */
public final class Rotary implements AutoCloseable {

    private final Scope scope = Scope.unbound();
    private final Tensor inverseFrequencies;
    private final Device device;

    /**
     * Creates the tables' frequencies.
     *
     * @param headDim width of a head, an even number
     * @param theta base of the frequencies
     */
    public Rotary(int headDim, double theta, Device device) {
        this.device = device;
        float[] frequencies = new float[headDim / 2];
        for (int i = 0; i < frequencies.length; i++) {
            // the reference computes the exponent in float32 too
            frequencies[i] = (float) (1.0 / Math.pow(theta, (float) (2 * i) / headDim));
        }
        inverseFrequencies = scope.adopt(Tensor.of(frequencies, frequencies.length).to(device));
    }

    /** Returns cosines and sines, {@code [1, 1, tokens, headDim]}, of positions from a start on. */
    public List<Tensor> tables(long start, long tokens) {
        return tables(Tensor.arange(start, start + tokens, device).reshape(1, tokens));
    }

    /** Returns cosines and sines of given positions, int64 {@code [batch, tokens]}. */
    public List<Tensor> tables(Tensor positions) {
        return Kernels.callForList("rope_tables", positions, inverseFrequencies, 1.0);
    }

    /** Frees the frequencies. */
    @Override
    public void close() {
        scope.close();
    }
}
