package org.retain4j.merging.method;

/** What a method must know about every model besides its weights. */
public enum Statistics {
    /** Nothing. */
    NONE,
    /** The diagonal Fisher information: for every tensor one of its shape, from 0 on. */
    FISHER,
    /** For a matrix {@code [out, in]}, the mean of x xᵀ over its inputs: {@code [in, in]}. */
    GRAM
}
