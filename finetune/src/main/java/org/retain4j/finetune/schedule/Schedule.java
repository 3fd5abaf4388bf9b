package org.retain4j.finetune.schedule;

/** Learning rate as a function of the step. */
public interface Schedule {

    /**
     * Returns the share of the peak learning rate.
     *
     * @param step number of the step, from 0
     * @param steps number of steps of the run
     * @return a factor, 0 or more
     */
    double factor(long step, long steps);

    /** The peak learning rate at every step. */
    static Schedule constant() {
        return (step, steps) -> 1;
    }

    /**
     * Linear warm-up from 0, then a straight line to 0 (transformers: {@code linear}).
     *
     * @param warmupSteps number of steps before the peak
     */
    static Schedule linear(long warmupSteps) {
        return (step, steps) ->
                step < warmupSteps
                        ? (double) step / warmupSteps
                        : (double) Math.max(0, steps - step) / Math.max(1, steps - warmupSteps);
    }

    /**
     * Linear warm-up from 0, then half a cosine down to a floor (transformers: {@code
     * cosine_with_min_lr}).
     *
     * @param warmupSteps number of steps before the peak
     * @param floor share of the peak at the end, in [0, 1]
     */
    static Schedule cosine(long warmupSteps, double floor) {
        if (!(floor >= 0 && floor <= 1)) {
            throw new IllegalArgumentException("min_lr_rate must be in [0, 1], is " + floor);
        }
        return (step, steps) -> {
            if (step < warmupSteps) {
                return (double) step / warmupSteps;
            }
            double done = (double) (step - warmupSteps) / Math.max(1, steps - warmupSteps);
            return floor + (1 - floor) * 0.5 * (1 + Math.cos(Math.PI * Math.min(1, done)));
        };
    }
}
