package org.retain4j.core.nn;

import org.jspecify.annotations.Nullable;
import org.retain4j.core.tensor.Tensor;

/** Something attached to a {@link Linear} that changes its output, for example a LoRA. */
public interface LinearAdapter extends Module {

    /**
     * Returns the changed output.
     *
     * @param input input of the layer, {@code [batch, tokens, in]}
     * @param output output so far, {@code [batch, tokens, out]}
     */
    Tensor apply(Tensor input, Tensor output, PassMode mode);

    /**
     * Returns what {@link #apply} adds in this pass as a product of two small matrices, or null
     * when it does something else; fused kernels compute such a product together with the layer.
     */
    default @Nullable LowRank lowRank(PassMode mode) {
        return null;
    }

    /**
     * Returns the matrix of a layer without bias that computes what layer and adapter do together.
     *
     * @param weight matrix of the layer so far, {@code [out, in]}
     * @throws UnsupportedOperationException if there is no such matrix; the adapter then cannot be
     *     attached to the output head
     */
    default Tensor weight(Tensor weight) {
        throw new UnsupportedOperationException(
                getClass().getSimpleName() + " is no change of a layer's matrix");
    }
}
