package org.retain4j.core.nn;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
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
    private final ParameterSlot weight;
    private final @Nullable ParameterSlot bias;
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
                ParameterSlot.of(
                        transposed
                                ? source.get(name + ".weight", in, out)
                                : source.get(name + ".weight", out, in));
        bias = hasBias ? ParameterSlot.of(source.get(name + ".bias", out)) : null;
    }

    /** Creates a layer that shares its weight with another module, as a tied head does. */
    public Linear(String name, Parameter sharedWeight) {
        this.name = name;
        this.transposed = false;
        weight = new ParameterSlot(name + ".weight", sharedWeight);
        bias = null;
    }

    /** Returns the Hugging Face name of the layer, without {@code .weight}. */
    public String name() {
        return name;
    }

    /** Returns the layer's own weight, {@code [out, in]}, or {@code [in, out]} when transposed. */
    public Parameter weight() {
        return weight.own();
    }

    /** Returns the layer's own bias, {@code [out]}, or null when there is none. */
    public @Nullable Parameter bias() {
        return bias == null ? null : bias.own();
    }

    /** Returns whether the weight is stored as {@code [in, out]}. */
    public boolean isTransposed() {
        return transposed;
    }

    /** Returns the width of the input. */
    public long in() {
        return weight.own().value().size(transposed ? 0 : 1);
    }

    /** Returns the width of the output. */
    public long out() {
        return weight.own().value().size(transposed ? 1 : 0);
    }

    /** Attaches an adapter; adapters apply in the order in which they were attached. */
    public void attach(LinearAdapter adapter) {
        adapters.add(adapter);
    }

    /** Detaches an adapter; does nothing when it is not attached. */
    public void detach(LinearAdapter adapter) {
        adapters.remove(adapter);
    }

    /** Returns whether an adapter is attached. */
    public boolean isAdapted() {
        return !adapters.isEmpty();
    }

    /** Returns whether a fused kernel may stand for the layer and its adapters in this pass. */
    boolean isFused(ForwardContext context) {
        if (context.taps().touches(name)) {
            return false;
        }
        for (LinearAdapter adapter : adapters) {
            if (adapter.lowRank(context.mode()) == null) {
                return false;
            }
        }
        return true;
    }

    /** Returns whether a fused kernel may stand for all of these layers in this pass. */
    static boolean areFused(List<Linear> layers, ForwardContext context) {
        for (Linear layer : layers) {
            if (!layer.isFused(context)) {
                return false;
            }
        }
        return true;
    }

    static List<Tensor> matrices(List<Linear> layers) {
        return layers.stream().map(Linear::matrix).toList();
    }

    static List<Tensor> biases(List<Linear> layers) {
        return layers.stream().flatMap(layer -> layer.biasOrNone().stream()).toList();
    }

    List<LowRank> lowRanks(PassMode mode) {
        return adapters.isEmpty()
                ? List.of()
                : adapters.stream().map(a -> Objects.requireNonNull(a.lowRank(mode))).toList();
    }

    /** Returns the weight as {@code [out, in]}; a view when it is stored the other way round. */
    public Tensor matrix() {
        return transposed ? weight.value().transpose(0, 1) : weight.value();
    }

    /**
     * Returns the weight with all adapters in it, {@code [out, in]}, in the scope of the caller;
     * the weight itself when nothing is attached.
     *
     * @throws UnsupportedOperationException if an adapter does not change the weight
     */
    public Tensor adaptedMatrix() {
        Tensor matrix = matrix();
        for (LinearAdapter adapter : adapters) {
            matrix = adapter.weight(matrix);
        }
        return matrix;
    }

    /** Returns the bias that computing uses now, as kernels take it. */
    public List<Tensor> biasOrNone() {
        return bias == null ? List.of() : List.of(bias.value());
    }

    /** Computes the layer for {@code [batch, tokens, in]}. */
    public Tensor forward(Tensor input, DType computeType) {
        return forward(input, PassMode.of(computeType));
    }

    /** Computes the layer for {@code [batch, tokens, in]} and shows taps what goes in and out. */
    Tensor forward(Tensor input, ForwardContext context) {
        Tensor x = context.taps().input(name, input);
        return context.taps().output(name, forward(x, context.mode()));
    }

    private Tensor forward(Tensor x, PassMode mode) {
        Tensor output = Kernels.call("linear", x, matrix(), biasOrNone(), mode.scalarType());
        for (LinearAdapter adapter : adapters) {
            output = adapter.apply(x, output, mode);
        }
        return output;
    }

    @Override
    public List<ParameterSlot> slots() {
        return bias == null ? List.of(weight) : List.of(weight, bias);
    }

    @Override
    public List<Parameter> parameters() {
        List<Parameter> all = new ArrayList<>();
        slots().forEach(slot -> all.add(slot.current()));
        adapters.forEach(adapter -> all.addAll(adapter.parameters()));
        return all;
    }
}
