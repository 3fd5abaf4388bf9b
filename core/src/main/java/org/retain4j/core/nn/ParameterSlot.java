package org.retain4j.core.nn;

import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.retain4j.core.tensor.Tensor;

/**
 * Place of a module that holds one of its parameters, or for a while another one instead.
 *
 * <p>A substitute takes part in computing and training while the module's own parameter stays as it
 * is, so that taking the substitute away restores the module to the last bit. Reading is safe for
 * all threads; substituting is not, while others compute.
 */
public final class ParameterSlot {

    private final String name;
    private final Parameter own;
    private @Nullable Parameter substitute;

    /**
     * Creates a slot that holds the module's own parameter.
     *
     * @param name Hugging Face name of the place, that of the parameter unless modules share it
     */
    ParameterSlot(String name, Parameter own) {
        this.name = name;
        this.own = own;
    }

    static ParameterSlot of(Parameter own) {
        return new ParameterSlot(own.name(), own);
    }

    /** Returns the Hugging Face name of the place, for example {@code lm_head.weight}. */
    public String name() {
        return name;
    }

    /** Returns the module's own parameter. */
    public Parameter own() {
        return own;
    }

    /** Returns the parameter that computing uses now. */
    public Parameter current() {
        Parameter other = substitute;
        return other == null ? own : other;
    }

    /** Returns the tensor that computing uses now. */
    Tensor value() {
        return current().value();
    }

    static List<Tensor> values(List<ParameterSlot> slots) {
        return slots.stream().map(ParameterSlot::value).toList();
    }

    /**
     * Puts another parameter in the place of the module's own.
     *
     * @param other a parameter of the same shape, or null for the module's own again
     * @throws IllegalArgumentException if the shapes differ
     */
    public void substitute(@Nullable Parameter other) {
        if (other != null && !Arrays.equals(other.value().shape(), own.value().shape())) {
            throw new IllegalArgumentException(
                    name
                            + " has shape "
                            + Arrays.toString(own.value().shape())
                            + " and cannot be replaced by "
                            + other);
        }
        substitute = other;
    }
}
