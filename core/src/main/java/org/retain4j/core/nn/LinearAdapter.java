package org.retain4j.core.nn;

import org.retain4j.core.tensor.DType;
import org.retain4j.core.tensor.Tensor;

/** Something attached to a {@link Linear} that changes its output, for example a LoRA. */
public interface LinearAdapter extends Module {

    /**
     * Returns the changed output.
     *
     * @param input input of the layer, {@code [batch, tokens, in]}
     * @param output output so far, {@code [batch, tokens, out]}
     * @param computeType type to multiply matrices in
     */
    Tensor apply(Tensor input, Tensor output, DType computeType);
}
