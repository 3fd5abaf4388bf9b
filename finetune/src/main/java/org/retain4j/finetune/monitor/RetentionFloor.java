package org.retain4j.finetune.monitor;

import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.retain4j.finetune.StateDict;
import org.retain4j.finetune.StopRule;
import org.retain4j.finetune.Strength;

/**
 * Reacts when a score that training must not lose falls below its floor: stops the run, or raises
 * the strength of its penalties.
 *
 * <p>The strength is multiplied once after every evaluation that finds a score below its floor, up
 * to {@value #LARGEST} times the first, and stays where it is when the score recovers. Not safe for
 * concurrent use.
 */
public final class RetentionFloor implements StopRule {

    /** Largest factor on the strengths; beyond it a penalty overshoots rather than helps. */
    public static final double LARGEST = 1024;

    private final List<Floor> floors;
    private final double factor;
    private final @Nullable Strength strength;

    /**
     * What a score must not fall below.
     *
     * @param metric name of the score among the results of the evaluations
     * @param floor worst score that is still well
     * @param higherIsBetter whether a larger score is better; otherwise the floor is a ceiling
     */
    public record Floor(String metric, double floor, boolean higherIsBetter) {

        /**
         * Checks the floor.
         *
         * @throws IllegalArgumentException if it is not finite
         */
        public Floor {
            if (!Double.isFinite(floor)) {
                throw new IllegalArgumentException(
                        "the floor of " + metric + " must be a number, is " + floor);
            }
        }

        boolean holds(double value) {
            return higherIsBetter ? value >= floor : value <= floor;
        }
    }

    private RetentionFloor(List<Floor> floors, double factor, @Nullable Strength strength) {
        if (!(factor > 1) || !Double.isFinite(factor)) {
            throw new IllegalArgumentException("factor must be above 1, is " + factor);
        }
        this.floors = List.copyOf(floors);
        this.factor = factor;
        this.strength = strength;
    }

    /** Stops the run. */
    public static RetentionFloor stop(List<Floor> floors) {
        return new RetentionFloor(floors, 2, null);
    }

    /**
     * Raises the strength of penalties.
     *
     * @param factor what the strength is multiplied by, above 1
     * @param strength what is raised, and saved with this rule
     * @throws IllegalArgumentException if the factor is not above 1
     */
    public static RetentionFloor raise(List<Floor> floors, double factor, Strength strength) {
        return new RetentionFloor(floors, factor, strength);
    }

    @Override
    public String check(long step, Map<String, Double> evaluation) {
        for (Floor floor : floors) {
            double value = StopRule.number(floor.metric(), evaluation);
            if (floor.holds(value)) {
                continue;
            }
            if (strength != null) {
                strength.set(Math.min(LARGEST, strength.factor() * factor));
                return "";
            }
            return floor.metric()
                    + " is "
                    + value
                    + (floor.higherIsBetter() ? ", below the floor of " : ", above the limit of ")
                    + floor.floor();
        }
        return "";
    }

    @Override
    public StateDict save() {
        return strength == null
                ? StateDict.empty()
                : new StateDict(
                        Map.of(),
                        Map.of("strength_bits", Double.doubleToRawLongBits(strength.factor())));
    }

    @Override
    public void load(StateDict state) {
        if (strength != null) {
            strength.set(Double.longBitsToDouble(state.number("strength_bits")));
        }
    }

    /** Returns the settings, which tell it from another in a checkpoint. */
    @Override
    public String toString() {
        return "RetentionFloor[floors=%s, on_floor=%s]"
                .formatted(floors, strength == null ? "stop" : "raise_penalty, factor=" + factor);
    }
}
