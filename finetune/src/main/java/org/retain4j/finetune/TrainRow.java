package org.retain4j.finetune;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * One sequence to train on.
 *
 * <p>The arrays are not copied; treat them as immutable.
 *
 * @param ids token ids, at least two
 * @param weights how much the prediction of each token counts, of the length of ids; the first one
 *     is 0, because nothing predicts the first token
 * @param replayed whether the row is old data, mixed in against forgetting
 * @param starts where the examples of a packed row begin, ascending from 0; a token sees only its
 *     own example, whose positions count from 0, and nothing predicts an example's first token
 * @param besides whether its weights stay out of what the loss is divided by: its part of the loss
 *     comes on top of the mean over the other rows
 * @param stored scores that the predictions are to stay near; null for none
 */
public record TrainRow(
        int[] ids,
        float[] weights,
        boolean replayed,
        int[] starts,
        boolean besides,
        @Nullable StoredScores stored) {

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
        if (starts.length == 0 || starts[0] != 0) {
            throw new IllegalArgumentException("the first example of a row begins at 0");
        }
        for (int i = 0; i < starts.length; i++) {
            if (starts[i] >= ids.length || (i > 0 && starts[i] <= starts[i - 1])) {
                throw new IllegalArgumentException(
                        "examples of a row begin at "
                                + Arrays.toString(starts)
                                + ", which does not ascend below its "
                                + ids.length
                                + " tokens");
            }
            if (weights[starts[i]] != 0) {
                throw new IllegalArgumentException("nothing predicts the first token of a row");
            }
        }
        if (stored != null && stored.positions() != ids.length - 1) {
            throw new IllegalArgumentException(
                    "a row of "
                            + ids.length
                            + " tokens needs stored scores at one place less, not at "
                            + stored.positions());
        }
        for (float weight : weights) {
            if (!(weight >= 0) || Float.isInfinite(weight)) {
                throw new IllegalArgumentException("a token weight is " + weight);
            }
        }
    }

    /** Creates a row without stored scores whose weights are part of the mean. */
    public TrainRow(int[] ids, float[] weights, boolean replayed, int[] starts) {
        this(ids, weights, replayed, starts, false, null);
    }

    /** Creates a row of a single example. */
    public TrainRow(int[] ids, float[] weights, boolean replayed) {
        this(ids, weights, replayed, new int[] {0});
    }

    /**
     * Joins examples into one row in which none sees another.
     *
     * @throws IllegalArgumentException if there is none, or some are replayed and some are not
     */
    public static TrainRow packed(List<TrainRow> examples) {
        int length = examples.stream().mapToInt(row -> row.ids.length).sum();
        int[] ids = new int[length];
        float[] weights = new float[length];
        List<Integer> starts = new ArrayList<>();
        int at = 0;
        for (TrainRow row : examples) {
            if (row.stored != null || row.besides) {
                throw new IllegalArgumentException(
                        "rows with stored scores or a loss of their own are not packed");
            }
            if (row.replayed != examples.get(0).replayed) {
                throw new IllegalArgumentException("new and replayed examples share no row");
            }
            System.arraycopy(row.ids, 0, ids, at, row.ids.length);
            System.arraycopy(row.weights, 0, weights, at, row.ids.length);
            for (int start : row.starts) {
                starts.add(at + start);
            }
            at += row.ids.length;
        }
        boolean replayed = !examples.isEmpty() && examples.get(0).replayed;
        return new TrainRow(
                ids, weights, replayed, starts.stream().mapToInt(Integer::intValue).toArray());
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
        return new TrainRow(ids, weights, true, starts, besides, stored);
    }

    /** Returns the same row with weights of its own, on top of the mean over the other rows. */
    public TrainRow besides(float[] own) {
        return new TrainRow(ids, own, replayed, starts, true, stored);
    }

    /** Returns the same row with scores that its predictions are to stay near. */
    public TrainRow near(StoredScores scores) {
        return new TrainRow(ids, weights, replayed, starts, besides, scores);
    }

    /** Returns the number of tokens that count. */
    public int counted() {
        int counted = 0;
        for (float weight : weights) {
            counted += weight > 0 ? 1 : 0;
        }
        return counted;
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
