package org.retain4j.core.nn;

import java.util.ArrayList;
import java.util.List;
import org.retain4j.core.tensor.Kernels;
import org.retain4j.core.tensor.Tensor;

/**
 * Table of one vector an id, with a list of attached adapters.
 *
 * <p>Computing is safe for all threads; attaching is not, while others compute.
 */
public final class Embedding implements Module {

    private final String name;
    private final ParameterSlot weight;
    private final List<EmbeddingAdapter> adapters = new ArrayList<>();

    /**
     * Creates a table.
     *
     * @param name Hugging Face name without {@code .weight}
     */
    public Embedding(ParameterSource source, String name, long rows, long width) {
        this.name = name;
        weight = ParameterSlot.of(source.get(name + ".weight", rows, width));
    }

    /** Returns the Hugging Face name of the table, without {@code .weight}. */
    public String name() {
        return name;
    }

    /** Returns the table's own parameter, {@code [rows, width]}. */
    public Parameter weight() {
        return weight.own();
    }

    /** Attaches an adapter; adapters apply in the order in which they were attached. */
    public void attach(EmbeddingAdapter adapter) {
        adapters.add(adapter);
    }

    /** Detaches an adapter; does nothing when it is not attached. */
    public void detach(EmbeddingAdapter adapter) {
        adapters.remove(adapter);
    }

    /** Returns the vectors of ids, float32 {@code [.., width]}. */
    public Tensor forward(Tensor ids) {
        Tensor output = Kernels.call("embedding", weight.value(), ids);
        for (EmbeddingAdapter adapter : adapters) {
            output = adapter.apply(ids, output);
        }
        return output;
    }

    @Override
    public List<ParameterSlot> slots() {
        return List.of(weight);
    }

    @Override
    public List<Parameter> parameters() {
        List<Parameter> all = new ArrayList<>(List.of(weight.current()));
        adapters.forEach(adapter -> all.addAll(adapter.parameters()));
        return all;
    }
}
