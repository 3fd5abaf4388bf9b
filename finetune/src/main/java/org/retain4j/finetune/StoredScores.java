package org.retain4j.finetune;

/**
 * The most likely tokens of an earlier model at every position of a row, and what the others had
 * together: enough to stay near its predictions without the model.
 *
 * <p>With {@code k} tokens a position it takes 8 k + 4 bytes. The arrays are not copied; treat them
 * as immutable.
 *
 * @param k tokens a position, 1 or more
 * @param ids their ids, the most likely first, {@code [positions · k]}
 * @param logProbs their log-probabilities, {@code [positions · k]}
 * @param tails log-probability of all other tokens together, {@code [positions]}; negative infinity
 *     where there are none
 * @param places how much each position counts in the loss towards these scores, {@code
 *     [positions]}; the loss is the mean over the counted positions of a step
 * @param strength what this loss is multiplied by
 * @param loss how the difference is measured
 */
public record StoredScores(
        int k,
        int[] ids,
        float[] logProbs,
        float[] tails,
        float[] places,
        double strength,
        Loss loss) {

    /** How the difference to stored scores is measured. */
    public enum Loss {
        /** KL(stored ‖ now) over the stored tokens and one bucket for all others. */
        KL,
        /** Mean squared difference of the stored tokens' scores, each around its mean. */
        MSE
    }

    /**
     * Creates scores.
     *
     * @throws IllegalArgumentException if lengths do not fit or the strength is negative
     */
    public StoredScores {
        if (k < 1
                || ids.length != (long) places.length * k
                || logProbs.length != ids.length
                || tails.length != places.length) {
            throw new IllegalArgumentException(
                    "stored scores need k tokens at every place, are "
                            + ids.length
                            + " tokens for k = "
                            + k
                            + " at "
                            + places.length
                            + " places");
        }
        if (!(strength >= 0) || Double.isInfinite(strength)) {
            throw new IllegalArgumentException("strength must be 0 or more, is " + strength);
        }
    }

    /** Returns the number of positions: that of the tokens less one. */
    public int positions() {
        return places.length;
    }

    /** Returns the number of positions that count. */
    public int counted() {
        int counted = 0;
        for (float place : places) {
            counted += place > 0 ? 1 : 0;
        }
        return counted;
    }

    /** Returns the same scores with another strength and loss. */
    public StoredScores with(double value, Loss measure) {
        return new StoredScores(k, ids, logProbs, tails, places, value, measure);
    }
}
