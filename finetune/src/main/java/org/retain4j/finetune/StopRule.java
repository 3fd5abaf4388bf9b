package org.retain4j.finetune;

import java.util.Map;

/** Decides after each evaluation whether the run goes on. */
public interface StopRule extends Stateful {

    /**
     * Looks at the results of the evaluations.
     *
     * @param step number of the step just done, from 1
     * @return why the run must stop, in a few words; empty to go on
     * @throws IllegalArgumentException if a number that the rule needs is not among the results
     */
    String check(long step, Map<String, Double> evaluation);

    /**
     * Returns a number that a rule needs.
     *
     * @throws IllegalArgumentException if no evaluation gives it; the message names those there are
     */
    static double number(String metric, Map<String, Double> evaluation) {
        Double value = evaluation.get(metric);
        if (value == null) {
            throw new IllegalArgumentException(
                    "no evaluation gives a number named "
                            + metric
                            + "; there are "
                            + String.join(", ", evaluation.keySet().stream().sorted().toList()));
        }
        return value;
    }
}
