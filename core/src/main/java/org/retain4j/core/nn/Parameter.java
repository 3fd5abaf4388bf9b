package org.retain4j.core.nn;

import java.util.List;
import org.retain4j.core.tensor.Tensor;

/**
 * One named weight of a model.
 *
 * <p>The tensor lives as long as its model. Not safe for changing it while other threads compute.
 */
public final class Parameter {

    private final String name;
    private final Tensor value;
    private boolean trainable = true;

    /**
     * Creates a parameter that is trained.
     *
     * @param name Hugging Face name, for example {@code model.layers.0.mlp.up_proj.weight}
     * @param value the weight, owned by the model's scope
     */
    public Parameter(String name, Tensor value) {
        this.name = name;
        this.value = value;
    }

    /** Returns the Hugging Face name. */
    public String name() {
        return name;
    }

    /** Returns the weight itself; changing it changes the model. */
    public Tensor value() {
        return value;
    }

    /** Returns whether training may change the weight; true unless it was frozen. */
    public boolean isTrainable() {
        return trainable;
    }

    /** Freezes the weight, or lets training change it again, and returns this parameter. */
    public Parameter setTrainable(boolean mayChange) {
        trainable = mayChange;
        return this;
    }

    /** Returns the number of elements. */
    public long elements() {
        return value.elements();
    }

    /** Returns the tensors of parameters, in their order. */
    public static List<Tensor> values(List<Parameter> parameters) {
        return parameters.stream().map(Parameter::value).toList();
    }

    /** Returns name and shape. */
    @Override
    public String toString() {
        return name + " " + value;
    }
}
