package org.retain4j.core.generate;

/**
 * How the next token is chosen, with the names, meanings and order of transformers: repetition
 * penalty, temperature, top_k, top_p, min_p.
 *
 * @param temperature divisor of the scores; 0 takes the best token always
 * @param topK number of best tokens to choose from; 0 for all
 * @param topP share of the probability that top_k left to choose from, the shortest list of best
 *     tokens that reaches it (Holtzman et al. 2019, arXiv:1904.09751); 1 for all
 * @param minP least probability of a token, as a share of that of the best (Nguyen et al. 2024,
 *     arXiv:2407.01082); 0 for none
 * @param repetitionPenalty divisor of the positive and factor of the negative scores of tokens that
 *     the row already holds, prompt included (Keskar et al. 2019, arXiv:1909.05858); 1 for none
 */
public record Sampling(
        double temperature, int topK, double topP, double minP, double repetitionPenalty) {

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
        if (!(minP >= 0 && minP <= 1)) {
            throw new IllegalArgumentException("min_p must be in [0, 1], is " + minP);
        }
        if (!(repetitionPenalty > 0) || Double.isInfinite(repetitionPenalty)) {
            throw new IllegalArgumentException(
                    "repetition_penalty must be above 0, is " + repetitionPenalty);
        }
    }

    /**
     * Creates a setting without min_p and repetition penalty.
     *
     * @throws IllegalArgumentException if a value is out of range
     */
    public Sampling(double temperature, int topK, double topP) {
        this(temperature, topK, topP, 0, 1);
    }

    /** Takes the best token always. */
    public static Sampling greedy() {
        return new Sampling(0, 0, 1);
    }

    /** Draws from the model's own distribution at this temperature. */
    public static Sampling temperature(double temperature) {
        return new Sampling(temperature, 0, 1);
    }

    /** Returns this setting with another least probability. */
    public Sampling withMinP(double value) {
        return new Sampling(temperature, topK, topP, value, repetitionPenalty);
    }

    /** Returns this setting with another repetition penalty. */
    public Sampling withRepetitionPenalty(double value) {
        return new Sampling(temperature, topK, topP, minP, value);
    }
}
