package org.retain4j.core.nn;

import java.util.List;
import org.retain4j.core.tensor.Kernels;
import org.retain4j.core.tensor.Tensor;

/**
 * Root mean square normalisation, y = w · x / √(mean(x²) + ε) (Zhang and Sennrich 2019,
 * arXiv:1910.07467), computed in float32.
 */
public final class RmsNorm implements Module {

    private final Parameter weight;
    private final double epsilon;

    /** Creates a layer for vectors of this width. */
    public RmsNorm(ParameterSource source, String name, long width, double epsilon) {
        weight = source.get(name + ".weight", width);
        this.epsilon = epsilon;
    }

    Tensor weight() {
        return weight.value();
    }

    double epsilon() {
        return epsilon;
    }

    /** Normalises the last dimension. */
    public Tensor forward(Tensor input) {
        return Kernels.call("rms_norm", input, weight.value(), epsilon);
    }

    @Override
    public List<Parameter> parameters() {
        return List.of(weight);
    }
}
