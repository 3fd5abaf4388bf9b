package org.retain4j.finetune.monitor;

import java.util.Map;
import org.retain4j.finetune.StopRule;

/**
 * Stops when a number passes a limit, for example when forgetting goes too far.
 *
 * @param metric name of the number, for example {@code old_rise}
 * @param limit largest value with which the run goes on
 */
public record StopAbove(String metric, double limit) implements StopRule {

    @Override
    public String check(long step, Map<String, Double> evaluation) {
        double value = StopRule.number(metric, evaluation);
        return value <= limit ? "" : metric + " is " + value + ", above the limit of " + limit;
    }
}
