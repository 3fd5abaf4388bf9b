package org.retain4j.evaluation.scoring;

import java.util.Arrays;

/**
 * One row of token ids whose log-probabilities are wanted.
 *
 * <p>The array is not copied; treat it as immutable.
 *
 * @param ids token ids; may be empty
 * @param context number of leading ids that are read but not counted, 0 to the number of ids; the
 *     first id follows nothing and is never counted, so that 0 counts the same as 1
 */
public record ScoreRequest(int[] ids, int context) {

    /**
     * Creates a request.
     *
     * @throws IllegalArgumentException if the context is negative or longer than the row
     */
    public ScoreRequest {
        if (context < 0 || context > ids.length) {
            throw new IllegalArgumentException(
                    "a row of "
                            + ids.length
                            + " token(s) cannot have a context of "
                            + context
                            + "; expected 0 to "
                            + ids.length);
        }
    }

    /** Creates a request that counts every id but the first. */
    public static ScoreRequest of(int... ids) {
        return new ScoreRequest(ids, 0);
    }

    /** Returns the index of the first id that counts; the number of ids when none does. */
    public int firstCounted() {
        return Math.min(Math.max(context, 1), ids.length);
    }

    /** Returns how many ids count. */
    public int counted() {
        return ids.length - firstCounted();
    }

    /**
     * Returns the row without its first ids, so that at most {@code length} are left.
     *
     * <p>Where there is a context, only its ids are dropped, and one of them stays, so that the
     * same ids count as before.
     *
     * @param length most ids to keep, at least 1
     * @throws IllegalArgumentException if there is a context, and what counts and one id before it
     *     are longer than {@code length}
     */
    public ScoreRequest cutLeft(int length) {
        int drop = ids.length - length;
        if (drop <= 0) {
            return this;
        }
        if (context > 0 && drop >= context) {
            throw new IllegalArgumentException(
                    counted()
                            + " tokens that count and one token before them are more than "
                            + length);
        }
        return new ScoreRequest(
                Arrays.copyOfRange(ids, drop, ids.length), Math.max(0, context - drop));
    }
}
