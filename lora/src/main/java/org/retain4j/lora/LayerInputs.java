package org.retain4j.lora;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.retain4j.core.model.CausalLm;
import org.retain4j.core.model.TokenBatch;
import org.retain4j.core.nn.Taps;
import org.retain4j.core.tensor.DType;
import org.retain4j.core.tensor.Device;
import org.retain4j.core.tensor.Kernels;
import org.retain4j.core.tensor.Scope;
import org.retain4j.core.tensor.Tensor;

/**
 * Second moments of what goes into linear layers, for starts of adapters that depend on data.
 *
 * <p>Needs eight bytes times the square of a layer's input width for each layer. Closing frees
 * them. Not safe for use by several threads at once.
 */
public final class LayerInputs implements AutoCloseable {

    private final Scope scope = Scope.unbound();
    private final Map<String, Second> moments = new LinkedHashMap<>();

    private LayerInputs() {}

    /**
     * Sum of x xᵀ over the inputs x of a layer.
     *
     * @param sum float64 {@code [in, in]}
     * @param tokens number of inputs
     * @param batches number of batches they came in
     */
    record Second(Tensor sum, long tokens, int batches) {}

    /** How inputs are scaled before they are squared. */
    public enum Scaling {
        /** As they are. */
        NONE,
        /** Each batch divided by its largest absolute value. */
        LARGEST,
        /** Each batch divided by the absolute value of its largest number, as PEFT does. */
        PEFT
    }

    /**
     * Runs a model over batches and collects the inputs of layers, padding left out.
     *
     * @param layers names of linear layers, for example {@code model.layers.0.mlp.up_proj}
     * @throws IllegalArgumentException if there is no batch, or no layer of a name
     */
    public static LayerInputs collect(
            CausalLm model, List<TokenBatch> batches, List<String> layers, Scaling scaling) {
        if (batches.isEmpty()) {
            throw new IllegalArgumentException("inputs of layers need at least one batch");
        }
        LayerInputs inputs = new LayerInputs();
        try {
            for (TokenBatch batch : batches) {
                try (Scope pass = Scope.open()) {
                    inputs.add(model, batch, layers, scaling);
                }
            }
            return inputs;
        } catch (RuntimeException | Error e) {
            inputs.close();
            throw e;
        }
    }

    private void add(CausalLm model, TokenBatch batch, List<String> layers, Scaling scaling) {
        List<Tensor> real = new ArrayList<>();
        if (batch.count() < batch.rows() * batch.tokens()) {
            real.add(Tensor.of(batch.mask(), batch.rows(), batch.tokens()).to(model.device()));
        }
        Taps taps = new Taps();
        for (String layer : layers) {
            taps.onInput(
                    layer,
                    x -> {
                        try (Scope adding = Scope.open()) {
                            add(layer, scaled(x, real, scaling), real, batch.count());
                        }
                        return x;
                    });
        }
        model.hidden(batch, taps.stopAfterLast());
    }

    private static Tensor scaled(Tensor x, List<Tensor> real, Scaling scaling) {
        if (scaling == Scaling.NONE) {
            return x;
        }
        Tensor kept =
                real.isEmpty()
                        ? x
                        : x.mul(real.get(0).to(DType.FLOAT32).reshape(x.size(0), x.size(1), 1));
        double largest =
                scaling == Scaling.PEFT ? Math.abs(kept.max().item()) : kept.abs().max().item();
        return largest > 0 ? x.mul(1 / largest) : x;
    }

    private void add(String layer, Tensor x, List<Tensor> real, int tokens) {
        Tensor sum = Kernels.call("gram", x, real).to(Device.CPU);
        Second before = moments.get(layer);
        if (before == null) {
            moments.put(layer, new Second(scope.adopt(sum), tokens, 1));
        } else {
            before.sum().addInPlace(sum, 1);
            moments.put(
                    layer,
                    new Second(before.sum(), before.tokens() + tokens, before.batches() + 1));
        }
    }

    /** Returns the names of the layers. */
    public List<String> layers() {
        return List.copyOf(moments.keySet());
    }

    /**
     * Returns the second moment of a layer's inputs, float64 {@code [in, in]}, divided by their
     * number.
     *
     * @throws IllegalArgumentException if the layer's inputs were not collected
     */
    public Tensor moment(String layer) {
        Second own = of(layer);
        if (own == null) {
            throw new IllegalArgumentException("the inputs of " + layer + " were not collected");
        }
        return own.sum().mul(1.0 / own.tokens());
    }

    @Nullable Second of(String layer) {
        return moments.get(layer);
    }

    /** Frees the moments. */
    @Override
    public void close() {
        scope.close();
    }
}
