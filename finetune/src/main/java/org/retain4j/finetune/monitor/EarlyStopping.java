package org.retain4j.finetune.monitor;

import java.util.Map;
import org.retain4j.finetune.StateDict;
import org.retain4j.finetune.StopRule;

/**
 * Stops when a number has not become better for some evaluations in a row.
 *
 * <p>Not safe for concurrent use.
 */
public final class EarlyStopping implements StopRule {

    private final String metric;
    private final boolean greaterIsBetter;
    private final int patience;
    private final double threshold;
    private double best = Double.NaN;
    private long bestStep;
    private long waited;

    /**
     * Creates the rule.
     *
     * @param metric name of the number ({@code metric_for_best_model}), for example {@code
     *     eval_loss}
     * @param greaterIsBetter {@code greater_is_better}
     * @param patience evaluations without a better number before the run stops, at least 1 ({@code
     *     early_stopping_patience})
     * @param threshold by how much a number must differ from the best one to be better, 0 or more
     *     ({@code early_stopping_threshold})
     * @throws IllegalArgumentException if a number is out of range
     */
    public EarlyStopping(String metric, boolean greaterIsBetter, int patience, double threshold) {
        if (patience < 1 || !(threshold >= 0)) {
            throw new IllegalArgumentException(
                    "early_stopping_patience must be at least 1 and early_stopping_threshold 0 or"
                            + " more, are "
                            + patience
                            + " and "
                            + threshold);
        }
        this.metric = metric;
        this.greaterIsBetter = greaterIsBetter;
        this.patience = patience;
        this.threshold = threshold;
    }

    @Override
    public String check(long step, Map<String, Double> evaluation) {
        double value = StopRule.number(metric, evaluation);
        boolean first = Double.isNaN(best) && !Double.isNaN(value);
        boolean better = greaterIsBetter ? value > best : value < best;
        if (first || (better && Math.abs(value - best) > threshold)) {
            best = value;
            bestStep = step;
            waited = 0;
            return "";
        }
        waited++;
        return waited < patience
                ? ""
                : metric
                        + " was best at step "
                        + bestStep
                        + " ("
                        + best
                        + ") and not better in "
                        + waited
                        + " evaluations since";
    }

    /** Returns the step of the best number so far; 0 before the first evaluation. */
    public long bestStep() {
        return bestStep;
    }

    @Override
    public StateDict save() {
        return new StateDict(
                Map.of(),
                Map.of(
                        "best_bits",
                        Double.doubleToRawLongBits(best),
                        "best_step",
                        bestStep,
                        "waited",
                        waited));
    }

    @Override
    public void load(StateDict state) {
        best = Double.longBitsToDouble(state.number("best_bits"));
        bestStep = state.number("best_step");
        waited = state.number("waited");
    }

    /** Returns the settings, which tell it from another in a checkpoint. */
    @Override
    public String toString() {
        return "EarlyStopping[metric_for_best_model="
                + metric
                + ", greater_is_better="
                + greaterIsBetter
                + ", early_stopping_patience="
                + patience
                + ", early_stopping_threshold="
                + threshold
                + "]";
    }
}
