package org.retain4j.core.generate;

/**
 * How the next token is chosen.
 *
 * @param temperature divisor of the scores; 0 takes the best token always
 * @param topK number of best tokens to choose from; 0 for all
 * @param topP share of probability to choose from, the shortest list of best tokens that reaches
 *     it; 1 for all
 */
public record Sampling(double temperature, int topK, double topP) {

    /**
     * Creates a setting.
     *
     * @throws IllegalArgumentException if a value is out of range
     */
    public Sampling {
        if (!(temperature >= 0) || Double.isInfinite(temperature)) {
            throw new IllegalArgumentException("temperature must be 0 or more, is " + temperature);
        }
        if (topK < 0) {
            throw new IllegalArgumentException("top_k must be 0 or more, is " + topK);
        }
        if (!(topP > 0 && topP <= 1)) {
            throw new IllegalArgumentException("top_p must be in (0, 1], is " + topP);
        }
    }

    /** Takes the best token always. */
    public static Sampling greedy() {
        return new Sampling(0, 0, 1);
    }

    /** Draws from the model's own distribution at this temperature. */
    public static Sampling temperature(double temperature) {
        return new Sampling(temperature, 0, 1);
    }
}
