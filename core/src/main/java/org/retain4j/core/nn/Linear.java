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
 * <p>Attaching an adapter never changes the names of the layer's own parameters. Computing is safe
 * for all threads; attaching is not, while others compute.
 */
public final class Linear implements Module {

    private final String name;
    private final Parameter weight;
    private final @Nullable Parameter bias;
    private final boolean transposed;
    private final List<LinearAdapter> adapters = new ArrayList<>();

    /**
     * Creates a layer.
     *
     * @param name Hugging Face name without {@code .weight}
     * @param in input width
     * @param out output width
     */
    public Linear(ParameterSource source, String name, long in, long out, boolean hasBias) {
        this(source, name, in, out, hasBias, false);
    }

    /**
     * Creates a layer.
     *
     * @param transposed whether the weight is stored as {@code [in, out]}, as GPT-2 does
     */
    public Linear(
            ParameterSource source,
            String name,
            long in,
            long out,
            boolean hasBias,
            boolean transposed) {
        this.name = name;
        this.transposed = transposed;
        weight =
                transposed
                        ? source.get(name + ".weight", in, out)
                        : source.get(name + ".weight", out, in);
        bias = hasBias ? source.get(name + ".bias", out) : null;
    }

    /** Creates a layer that shares its weight with another module, as a tied head does. */
    public Linear(String name, Parameter sharedWeight) {
        this.name = name;
        this.transposed = false;
        weight = sharedWeight;
        bias = null;
    }

    /** Returns the Hugging Face name of the layer, without {@code .weight}. */
    public String name() {
        return name;
    }

    /** Returns the weight, {@code [out, in]}, or {@code [in, out]} when transposed. */
    public Parameter weight() {
        return weight;
    }

    /** Returns the bias, {@code [out]}, or null when there is none. */
    public @Nullable Parameter bias() {
        return bias;
    }

    /** Returns whether the weight is stored as {@code [in, out]}. */
    public boolean isTransposed() {
        return transposed;
    }

    /** Attaches an adapter; adapters apply in the order in which they were attached. */
    public void attach(LinearAdapter adapter) {
        adapters.add(adapter);
    }

    /** Detaches an adapter; does nothing when it is not attached. */
    public void detach(LinearAdapter adapter) {
        adapters.remove(adapter);
    }

    /** Returns whether a fused kernel may stand for the layer in this pass. */
    boolean isPlain(Taps taps) {
        return adapters.isEmpty() && !taps.touches(name);
    }

    /** Returns the weight as {@code [out, in]}; a view when it is stored the other way round. */
    Tensor matrix() {
        return transposed ? weight.value().transpose(0, 1) : weight.value();
    }

    List<Tensor> biasOrNone() {
        return bias == null ? List.of() : bias.asList();
    }

    /** Computes the layer for {@code [batch, tokens, in]}. */
    public Tensor forward(Tensor input, DType computeType) {
        return forward(input, computeType, Taps.NONE);
    }

    /** Computes the layer for {@code [batch, tokens, in]} and shows taps what goes in and out. */
    Tensor forward(Tensor input, DType computeType, Taps taps) {
        Tensor x = taps.input(name, input);
        Tensor output = Kernels.call("linear", x, matrix(), biasOrNone(), computeType.scalarType());
        for (LinearAdapter adapter : adapters) {
            output = adapter.apply(x, output, computeType);
        }
        return taps.output(name, output);
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
