package org.retain4j.core.nn;

/** Gives a module its parameters by name, while it is built. */
public interface ParameterSource {

    /**
     * Returns the parameter of this name.
     *
     * @param name Hugging Face name
     * @param shape the shape that the module needs
     * @throws IllegalArgumentException if it is missing or of another shape
     */
    Parameter get(String name, long... shape);
}
