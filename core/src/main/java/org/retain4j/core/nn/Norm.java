package org.retain4j.core.nn;

import java.util.List;
import org.jspecify.annotations.Nullable;
import org.retain4j.core.tensor.Kernels;
import org.retain4j.core.tensor.Tensor;

/**
 * Normalisation of the last dimension, computed in float32.
 *
 * <p>Safe for all threads while nobody changes its weights.
 */
public final class Norm implements Module {

    /** What a norm computes from a vector x of n elements. */
    public enum Kind {
        /** w · x / √(mean(x²) + ε) (Zhang and Sennrich 2019, arXiv:1910.07467). */
        RMS(1),
        /** (1 + w) · x / √(mean(x²) + ε), the form of the Gemma models. */
        RMS_PLUS_ONE(2),
        /** w · (x − mean(x)) / √(var(x) + ε) + b (Ba et al. 2016, arXiv:1607.06450). */
        LAYER(3);

        private final int code;

        Kind(int code) {
            this.code = code;
        }

        /** Returns the number that kernels know this kind by; 0 is no norm at all. */
        int code() {
            return code;
        }
    }

    /**
     * Kind and ε of the norms of a model.
     *
     * @param epsilon ε inside the root, at least 0
     */
    public record Spec(Kind kind, double epsilon) {}

    private final Spec spec;
    private final List<ParameterSlot> slots;

    /** Creates a layer for vectors of this width. */
    public Norm(ParameterSource source, String name, long width, Spec spec) {
        this.spec = spec;
        ParameterSlot weight = ParameterSlot.of(source.get(name + ".weight", width));
        slots =
                spec.kind() == Kind.LAYER
                        ? List.of(weight, ParameterSlot.of(source.get(name + ".bias", width)))
                        : List.of(weight);
    }

    /** Normalises the last dimension. */
    public Tensor forward(Tensor input) {
        return Kernels.call("normed", input, weights(this), code(this), spec.epsilon());
    }

    /** Returns the tensors of a norm as kernels take them; none for no norm. */
    static List<Tensor> weights(@Nullable Norm norm) {
        return norm == null ? List.of() : ParameterSlot.values(norm.slots);
    }

    /** Returns the number that kernels know the kind of a norm by. */
    static int code(@Nullable Norm norm) {
        return norm == null ? 0 : norm.spec.kind().code();
    }

    /** Returns the ε of a norm, and anything for no norm. */
    static double epsilon(@Nullable Norm norm) {
        return norm == null ? 0 : norm.spec.epsilon();
    }

    @Override
    public List<ParameterSlot> slots() {
        return slots;
    }

    @Override
    public List<Parameter> parameters() {
        return slots.stream().map(ParameterSlot::current).toList();
    }
}
