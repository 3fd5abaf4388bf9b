package org.retain4j.evaluation.tasks;

/**
 * What a generated answer is worth.
 *
 * @param name name in the results, such as {@code exact_match}
 * @param higherIsBetter whether more is better
 * @param rule gives 0 to 1
 */
record AnswerMetric(String name, boolean higherIsBetter, Rule rule) {

    /** Compares an answer with what was asked. */
    interface Rule {

        /**
         * Returns the score, or NaN where the item does not count for this metric.
         *
         * @param answer the filtered answer
         */
        double score(String answer, Item.Generation item) throws TaskException;
    }
}
