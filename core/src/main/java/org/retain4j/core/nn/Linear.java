package org.retain4j.core.nn;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.retain4j.core.tensor.DType;
import org.retain4j.core.tensor.Kernels;
import org.retain4j.core.tensor.Tensor;

/**
 * Linear layer y = x Wᵀ + b, with a list of attached adapters.
 *
 * <p>Attaching an adapter never changes the names of the layer's own parameters.
 */
public final class Linear implements Module {

    private final Parameter weight;
    private final @Nullable Parameter bias;
    private final List<LinearAdapter> adapters = new ArrayList<>();

    /**
     * Creates a layer.
     *
     * @param name Hugging Face name without {@code .weight}
     * @param in input width
     * @param out output width
     */
    public Linear(ParameterSource source, String name, long in, long out, boolean hasBias) {
        weight = source.get(name + ".weight", out, in);
        bias = hasBias ? source.get(name + ".bias", out) : null;
    }

    /** Creates a layer that shares its weight with another module, as a tied head does. */
    public Linear(Parameter sharedWeight) {
        weight = sharedWeight;
        bias = null;
    }

    /** Returns the weight, {@code [out, in]}. */
    public Parameter weight() {
        return weight;
    }

    /** Attaches an adapter; adapters apply in the order in which they were attached. */
    public void attach(LinearAdapter adapter) {
        adapters.add(adapter);
    }

    /** Detaches an adapter; does nothing when it is not attached. */
    public void detach(LinearAdapter adapter) {
        adapters.remove(adapter);
    }

    /** Returns whether nothing is attached, so that a fused kernel may stand for the layer. */
    boolean isPlain() {
        return adapters.isEmpty();
    }

    List<Tensor> biasOrNone() {
        return bias == null ? List.of() : bias.asList();
    }

    /** Computes the layer for {@code [batch, tokens, in]}. */
    public Tensor forward(Tensor input, DType computeType) {
        Tensor output =
                Kernels.call(
                        "linear", input, weight.value(), biasOrNone(), computeType.scalarType());
        for (LinearAdapter adapter : adapters) {
            output = adapter.apply(input, output, computeType);
        }
        return output;
    }

    @Override
    public List<Parameter> parameters() {
        List<Parameter> all = new ArrayList<>();
        all.add(weight);
        if (bias != null) {
            all.add(bias);
        }
        adapters.forEach(adapter -> all.addAll(adapter.parameters()));
        return all;
    }
}
