package org.retain4j.core.nn;

import org.retain4j.core.tensor.Tensor;

/** Something attached to an {@link Embedding} that changes its output, for example a LoRA. */
public interface EmbeddingAdapter extends Module {

    /**
     * Returns the changed output.
     *
     * @param ids token ids, int64 {@code [batch, tokens]}
     * @param output output so far, {@code [batch, tokens, width]}
     */
    Tensor apply(Tensor ids, Tensor output);
}
