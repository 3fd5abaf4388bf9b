package org.retain4j.finetune;

import java.util.Map;
import org.retain4j.finetune.checkpoint.CheckpointOptions.Best;

/** Which step had the best evaluation so far. */
final class BestWeights implements Stateful {

    private final Best best;
    private double value = Double.NaN;
    private long step;
    private double valueBefore = Double.NaN;
    private long stepBefore;

    BestWeights(Best best) {
        this.best = best;
    }

    /** Returns whether the results of a step are better than all before. */
    boolean sees(long number, Map<String, Double> evaluation) {
        double found = StopRule.number(best.metric(), evaluation);
        if (!best.isBetter(found, value)) {
            return false;
        }
        valueBefore = value;
        stepBefore = step;
        value = found;
        step = number;
        return true;
    }

    /** Takes the last better step back, as when it could not be saved. */
    void forget() {
        value = valueBefore;
        step = stepBefore;
    }

    /** Returns the best step; 0 before there is one. */
    long step() {
        return step;
    }

    @Override
    public StateDict save() {
        return new StateDict(
                Map.of(), Map.of("value_bits", Double.doubleToRawLongBits(value), "step", step));
    }

    @Override
    public void load(StateDict state) {
        value = Double.longBitsToDouble(state.number("value_bits"));
        step = state.number("step");
    }

    /** Returns the settings, which tell it from another in a checkpoint. */
    @Override
    public String toString() {
        return best.toString();
    }
}
