package org.retain4j.core.nn;

import java.util.List;

/** A part of a model that has parameters. */
public interface Module {

    /**
     * Returns all parameters that computing uses now, in the order of the forward pass: those of
     * the part itself or what stands in their place, then those of attached adapters.
     */
    List<Parameter> parameters();

    /** Returns the places of the part's own parameters, in the order of the forward pass. */
    default List<ParameterSlot> slots() {
        return List.of();
    }
}
