package org.retain4j.evaluation.tasks;

/**
 * A score of a task.
 *
 * @param metric name, such as {@code acc_norm}
 * @param filter what made answers of the texts, {@code none} for likelihoods
 * @param value the score
 * @param stderr its standard error; NaN where there is none
 * @param items how many items it is over
 */
public record MetricValue(String metric, String filter, double value, double stderr, int items) {

    /** Returns metric and filter as the harness writes them. */
    public String key() {
        return metric + "," + filter;
    }

    String stderrKey() {
        return metric + "_stderr," + filter;
    }
}
