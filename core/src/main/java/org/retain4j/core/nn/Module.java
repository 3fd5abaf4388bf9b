package org.retain4j.core.nn;

import java.util.List;

/** A part of a model that has parameters. */
public interface Module {

    /** Returns all parameters of this part, in the order of the forward pass. */
    List<Parameter> parameters();
}
