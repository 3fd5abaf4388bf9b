package org.retain4j.core.nn;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;
import org.retain4j.core.tensor.Tensor;

/**
 * Places in a forward pass at which activations are read or replaced.
 *
 * <p>A place is the Hugging Face name of a module and its input or output: the embedding ({@code
 * model.embed_tokens}), a block ({@code model.layers.3}), its attention or feed-forward part
 * ({@code model.layers.3.self_attn}, {@code model.layers.3.mlp}), any linear layer of a block
 * ({@code model.layers.3.mlp.down_proj}) or the last norm ({@code model.norm}).
 *
 * <p>A tap gets the activation, {@code [rows, tokens, width]}, and returns it or another one of the
 * same shape. What it gets dies with the pass: a tap that keeps something keeps a copy in a scope
 * of its own, for example {@code scope.adopt(x.copy())}. Taps are asked in the order in which they
 * were added. Adding is not safe while a pass runs; passing the same taps to several threads is, if
 * the taps themselves are.
 */
public final class Taps {

    /** No taps at all. */
    public static final Taps NONE = new Taps();

    private final Map<String, UnaryOperator<Tensor>> inputs = new LinkedHashMap<>();
    private final Map<String, UnaryOperator<Tensor>> outputs = new LinkedHashMap<>();
    private boolean stopEarly;

    /** Creates an empty collection. */
    public Taps() {}

    /**
     * Adds a tap on what goes into a block, a part of it or a linear layer; the embedding and the
     * last norm have taps on their output only.
     *
     * @throws UnsupportedOperationException for {@link #NONE}
     */
    public Taps onInput(String module, UnaryOperator<Tensor> tap) {
        return add(inputs, module, tap);
    }

    /** Adds a tap on what a module gives out. */
    public Taps onOutput(String module, UnaryOperator<Tensor> tap) {
        return add(outputs, module, tap);
    }

    /**
     * Ends a pass after the last block that has a tap; what the pass returns is then the output of
     * that block, without the final norm.
     */
    public Taps stopAfterLast() {
        requireMutable();
        stopEarly = true;
        return this;
    }

    private Taps add(
            Map<String, UnaryOperator<Tensor>> places, String module, UnaryOperator<Tensor> tap) {
        requireMutable();
        places.merge(
                module,
                tap,
                (first, second) -> {
                    UnaryOperator<Tensor> both = x -> second.apply(first.apply(x));
                    return both;
                });
        return this;
    }

    @SuppressWarnings("ReferenceEquality")
    private void requireMutable() {
        if (this == NONE) {
            throw new UnsupportedOperationException("Taps.NONE stays empty; create new Taps()");
        }
    }

    /** Returns the names of all modules with a tap. */
    public Set<String> modules() {
        Set<String> all = new TreeSet<>(inputs.keySet());
        all.addAll(outputs.keySet());
        return all;
    }

    /** Returns whether a pass ends after the last block that has a tap. */
    public boolean stopsEarly() {
        return stopEarly;
    }

    /** Returns whether a module or a part of it has a tap. */
    public boolean isBelow(String module) {
        return modules().stream().anyMatch(m -> m.equals(module) || m.startsWith(module + "."));
    }

    /** Returns whether there is a tap on what goes into a module. */
    public boolean readsInput(String module) {
        return inputs.containsKey(module);
    }

    boolean touches(String module) {
        return inputs.containsKey(module) || outputs.containsKey(module);
    }

    /** Shows an input to the tap of a module, if there is one, and returns what goes on. */
    public Tensor input(String module, Tensor activation) {
        return through(inputs.get(module), module + " input", activation);
    }

    /** Shows an output to the tap of a module, if there is one, and returns what goes on. */
    public Tensor output(String module, Tensor activation) {
        return through(outputs.get(module), module + " output", activation);
    }

    private static Tensor through(@Nullable UnaryOperator<Tensor> tap, String place, Tensor x) {
        if (tap == null) {
            return x;
        }
        Tensor y = tap.apply(x);
        if (!Arrays.equals(y.shape(), x.shape())) {
            throw new IllegalArgumentException(
                    "the tap on "
                            + place
                            + " returned shape "
                            + Arrays.toString(y.shape())
                            + "; expected "
                            + Arrays.toString(x.shape()));
        }
        return y;
    }
}
