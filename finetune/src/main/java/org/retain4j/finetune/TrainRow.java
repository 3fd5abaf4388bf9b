package org.retain4j.finetune;

import java.util.Arrays;

/**
 * One sequence to train on.
 *
 * <p>The arrays are not copied; treat them as immutable.
 *
 * @param ids token ids, at least two
 * @param weights how much the prediction of each token counts, of the length of ids; the first one
 *     is 0, because nothing predicts the first token
 * @param replayed whether the row is old data, mixed in against forgetting
 */
public record TrainRow(int[] ids, float[] weights, boolean replayed) {

    /**
     * Creates a row.
     *
     * @throws IllegalArgumentException if lengths differ, a weight is negative or not finite, the
     *     first weight is not 0, or there are fewer than two tokens
     */
    public TrainRow {
        if (ids.length < 2 || weights.length != ids.length) {
            throw new IllegalArgumentException(
                    "a row needs at least two tokens and as many weights, has "
                            + ids.length
                            + " and "
                            + weights.length);
        }
        if (weights[0] != 0) {
            throw new IllegalArgumentException("nothing predicts the first token of a row");
        }
        for (float weight : weights) {
            if (!(weight >= 0) || Float.isInfinite(weight)) {
                throw new IllegalArgumentException("a token weight is " + weight);
            }
        }
    }

    /** Creates a row of new data in which every token but the first counts 1. */
    public static TrainRow of(int... ids) {
        float[] weights = new float[ids.length];
        Arrays.fill(weights, 1);
        if (weights.length > 0) {
            weights[0] = 0;
        }
        return new TrainRow(ids, weights, false);
    }

    /** Returns the same row marked as replayed. */
    public TrainRow asReplayed() {
        return new TrainRow(ids, weights, true);
    }

    /** Returns the sum of the weights. */
    public double totalWeight() {
        double sum = 0;
        for (float weight : weights) {
            sum += weight;
        }
        return sum;
    }
}
