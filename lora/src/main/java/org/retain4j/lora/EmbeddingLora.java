package org.retain4j.lora;

import org.retain4j.core.nn.Embedding;
import org.retain4j.core.nn.EmbeddingAdapter;
import org.retain4j.core.nn.Parameter;
import org.retain4j.core.tensor.Kernels;
import org.retain4j.core.tensor.Tensor;

/** LoRA or DoRA of an embedding: A is {@code [r, rows]}, B {@code [width, r]}. */
final class EmbeddingLora extends Factors implements EmbeddingAdapter {

    private final Embedding table;

    EmbeddingLora(Embedding table, Factors factors) {
        super(factors);
        this.table = table;
    }

    Embedding table() {
        return table;
    }

    @Override
    public Tensor apply(Tensor ids, Tensor output) {
        Parameter magnitude = magnitude();
        return magnitude == null
                ? Kernels.call("embedding_low_rank", ids, output, a().value(), b().value(), scale())
                : Kernels.call(
                        "embedding_dora",
                        ids,
                        output,
                        table.slots().get(0).current().value(),
                        a().value(),
                        b().value(),
                        magnitude.value(),
                        scale());
    }

    /** Returns a table that gives what table and adapter give together, {@code [rows, width]}. */
    Tensor table(Tensor weight) {
        Parameter magnitude = magnitude();
        Tensor turned = weight.transpose(0, 1);
        Tensor changed =
                magnitude == null
                        ? Kernels.call("low_rank_weight", turned, a().value(), b().value(), scale())
                        : Kernels.call(
                                "dora_weight",
                                turned,
                                a().value(),
                                b().value(),
                                magnitude.value(),
                                scale());
        return changed.transpose(0, 1).contiguous();
    }
}
