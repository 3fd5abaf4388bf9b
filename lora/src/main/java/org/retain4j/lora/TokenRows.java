package org.retain4j.lora;

import java.util.List;
import org.retain4j.core.nn.EmbeddingAdapter;
import org.retain4j.core.nn.LinearAdapter;
import org.retain4j.core.nn.Parameter;
import org.retain4j.core.nn.PassMode;
import org.retain4j.core.tensor.Kernels;
import org.retain4j.core.tensor.Tensor;

/**
 * Embeddings of some tokens that are trained by themselves, in the table and in a head that shares
 * it ({@code trainable_token_indices}).
 */
final class TokenRows implements EmbeddingAdapter, LinearAdapter {

    private final String module;
    private final List<Integer> ids;
    private final Parameter rows;
    private final Tensor idTensor;
    private final Tensor places;

    /**
     * Creates trained rows.
     *
     * @param rows {@code [ids, width]}
     * @param idTensor int64 {@code [ids]}
     * @param places int64 {@code [vocabulary]}: the row of each id, or −1
     */
    TokenRows(String module, List<Integer> ids, Parameter rows, Tensor idTensor, Tensor places) {
        this.module = module;
        this.ids = ids;
        this.rows = rows;
        this.idTensor = idTensor;
        this.places = places;
    }

    String module() {
        return module;
    }

    List<Integer> ids() {
        return ids;
    }

    Parameter rows() {
        return rows;
    }

    @Override
    public Tensor apply(Tensor tokens, Tensor output) {
        return Kernels.call("token_rows", tokens, output, rows.value(), places);
    }

    @Override
    public Tensor apply(Tensor input, Tensor output, PassMode mode) {
        return Kernels.call(
                "token_scores_of",
                input,
                output,
                rows.value(),
                idTensor,
                mode.computeType().scalarType());
    }

    @Override
    public Tensor weight(Tensor weight) {
        return Kernels.call("token_weight", weight, rows.value(), idTensor);
    }

    @Override
    public List<Parameter> parameters() {
        return List.of(rows);
    }
}
