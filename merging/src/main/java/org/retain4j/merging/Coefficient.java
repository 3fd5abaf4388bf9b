package org.retain4j.merging;

import java.util.OptionalInt;
import java.util.regex.Pattern;

/** The factor of a task vector at each tensor. */
@FunctionalInterface
public interface Coefficient {

    /** Returns the factor at a tensor; at 0 the vector need not have it. */
    double at(String tensor);

    /** Returns the same factor for all tensors. */
    static Coefficient of(double factor) {
        return tensor -> factor;
    }

    /**
     * Returns a factor for each layer.
     *
     * @param outer factor of tensors that are in no layer
     * @param layers factors from layer 0 on; later layers have the last one
     */
    static Coefficient perLayer(double outer, double... layers) {
        double[] factors = layers.clone();
        return tensor -> {
            OptionalInt layer = Layers.of(tensor);
            if (layer.isEmpty() || factors.length == 0) {
                return outer;
            }
            return factors[Math.min(layer.getAsInt(), factors.length - 1)];
        };
    }

    /** Returns this factor where the pattern is found in the name, and 0 elsewhere. */
    default Coefficient only(Pattern names) {
        return tensor -> names.matcher(tensor).find() ? at(tensor) : 0;
    }

    /** Returns this factor times a number. */
    default Coefficient times(double factor) {
        return tensor -> factor * at(tensor);
    }
}
