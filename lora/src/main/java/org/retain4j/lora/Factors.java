package org.retain4j.lora;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.retain4j.core.nn.Parameter;

/**
 * The trained matrices of one module: A {@code [r, in]}, B {@code [out, r]}, and DoRA's lengths.
 */
class Factors {

    private final String module;
    private final Parameter a;
    private final Parameter b;
    private final @Nullable Parameter magnitude;
    private final double ownScale;
    private double share = 1;

    /**
     * Creates factors.
     *
     * @param module Hugging Face name of the module
     * @param magnitude {@code [out]} of DoRA, or null
     * @param scale what B A is multiplied by
     */
    Factors(String module, Parameter a, Parameter b, @Nullable Parameter magnitude, double scale) {
        this.module = module;
        this.a = a;
        this.b = b;
        this.magnitude = magnitude;
        this.ownScale = scale;
    }

    Factors(Factors other) {
        this(other.module, other.a, other.b, other.magnitude, other.ownScale);
    }

    final String module() {
        return module;
    }

    final Parameter a() {
        return a;
    }

    final Parameter b() {
        return b;
    }

    final @Nullable Parameter magnitude() {
        return magnitude;
    }

    final int rank() {
        return Math.toIntExact(a.value().size(0));
    }

    /** Returns the scale without the share that the adapter has among several. */
    final double ownScale() {
        return ownScale;
    }

    final double scale() {
        return ownScale * share;
    }

    final void setShare(double value) {
        share = value;
    }

    public final List<Parameter> parameters() {
        List<Parameter> all = new ArrayList<>(List.of(a, b));
        if (magnitude != null) {
            all.add(magnitude);
        }
        return all;
    }
}
