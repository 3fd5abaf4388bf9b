package org.retain4j.evaluation.report;

import java.util.Objects;

/**
 * What one item of a task scored.
 *
 * @param id tells the item from the others of its task, the same for every model
 * @param score 0 or 1 for right and wrong, or any finite number
 * @param weight how much it counts in the mean, above 0: 1 for a rate, bytes for bits per byte
 */
public record ItemScore(String id, double score, double weight) {
    /**
     * Checks the numbers.
     *
     * @throws IllegalArgumentException if the score is not finite or the weight not above 0
     */
    public ItemScore {
        Objects.requireNonNull(id, "id");
        if (!Double.isFinite(score) || !(weight > 0) || !Double.isFinite(weight)) {
            throw new IllegalArgumentException(
                    "item %s needs a finite score and a weight above 0, has %s and %s"
                            .formatted(id, score, weight));
        }
    }

    /** Returns the score of an item that counts like every other. */
    public static ItemScore of(String id, double score) {
        return new ItemScore(id, score, 1);
    }
}
