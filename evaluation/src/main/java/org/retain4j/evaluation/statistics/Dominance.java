package org.retain4j.evaluation.statistics;

/**
 * Which of two methods is better when one number says what was learned and another what was kept.
 *
 * <p>A method dominates another only if it is better in both and both paired intervals exclude 0;
 * otherwise the data do not decide. Stateless and thread-safe.
 */
public enum Dominance {
    /** The first learns more and keeps more, beyond chance. */
    FIRST,
    /** The second learns more and keeps more, beyond chance. */
    SECOND,
    /** Neither is shown to be better in both. */
    UNDECIDED;

    /**
     * Judges two methods.
     *
     * @param learned how much more the first learned, with its paired interval; larger is better
     * @param retained how much more the first kept, with its paired interval; larger is better
     */
    public static Dominance of(Estimate learned, Estimate retained) {
        if (learned.low() > 0 && retained.low() > 0) {
            return FIRST;
        }
        return learned.high() < 0 && retained.high() < 0 ? SECOND : UNDECIDED;
    }
}
