package org.retain4j.core.nn;

import java.util.List;
import org.retain4j.core.tensor.Device;
import org.retain4j.core.tensor.Kernels;
import org.retain4j.core.tensor.Scope;
import org.retain4j.core.tensor.Tensor;

/**
 * Rotary position embedding (Su et al. 2021, arXiv:2104.09864).
 *
 * <p>Safe for all threads.
 */
public final class Rotary implements AutoCloseable {

    /**
     * What tells one rotary embedding from another.
     *
     * @param dims number of rotated dimensions of a head, even; the rest stays as it is
     * @param theta base of the frequencies ({@code rope_theta})
     */
    public record Spec(int dims, double theta, RopeScaling scaling) {
        /**
         * Creates a specification.
         *
         * @throws IllegalArgumentException if the number of dimensions is odd or not positive
         */
        public Spec {
            if (dims < 2 || dims % 2 != 0) {
                throw new IllegalArgumentException(
                        "the rotary embedding turns pairs of dimensions and cannot turn " + dims);
            }
        }
    }

    private final Scope scope = Scope.unbound();
    private final Spec spec;
    private final Device device;
    private long lengthClass;
    private Tensor inverseFrequencies;

    /** Creates the embedding on a device. */
    public Rotary(Spec spec, Device device) {
        this.spec = spec;
        this.device = device;
        this.lengthClass = spec.scaling().lengthClass(1);
        this.inverseFrequencies = frequencies(1);
    }

    private Tensor frequencies(long length) {
        float[] values = spec.scaling().inverseFrequencies(spec.dims(), spec.theta(), length);
        return scope.adopt(Tensor.of(values, values.length).to(device));
    }

    /**
     * Returns cosines and sines, {@code [batch or 1, 1, tokens, dims]}.
     *
     * @param positions int64 {@code [batch or 1, tokens]}
     * @param length number of positions of the longest row, from its first token on
     */
    public List<Tensor> tables(Tensor positions, long length) {
        return Kernels.callForList(
                "rope_tables", positions, current(length), spec.scaling().attentionFactor());
    }

    private synchronized Tensor current(long length) {
        long wanted = spec.scaling().lengthClass(length);
        if (wanted != lengthClass) {
            // the old tensor stays open until close: another thread may be using it
            inverseFrequencies = frequencies(length);
            lengthClass = wanted;
        }
        return inverseFrequencies;
    }

    /** Frees the frequencies. */
    @Override
    public void close() {
        scope.close();
    }
}
