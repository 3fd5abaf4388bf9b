package org.retain4j.evaluation.contamination;

/**
 * An evaluated item of which a part is in the training texts.
 *
 * @param item id of the item
 * @param matched how many of its n-grams were found, at least 1
 * @param total how many different n-grams it has
 * @param source where the first was found, such as {@code train.jsonl, text 17}
 */
public record ContaminatedItem(String item, int matched, int total, String source) {
    /** Returns the share of its n-grams that were found, above 0 and at most 1. */
    public double overlap() {
        return (double) matched / total;
    }
}
