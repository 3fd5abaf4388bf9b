package org.retain4j.finetune;

/** A factor on the strength of penalties, 1 at first. Not safe for concurrent use. */
public final class Strength {

    private double factor = 1;

    /** Returns the factor, above 0. */
    public double factor() {
        return factor;
    }

    /**
     * Sets the factor.
     *
     * @throws IllegalArgumentException if it is not above 0 and finite
     */
    public void set(double value) {
        if (!(value > 0) || !Double.isFinite(value)) {
            throw new IllegalArgumentException("a strength must be above 0, is " + value);
        }
        factor = value;
    }
}
