package org.retain4j.finetune.schedule;

/**
 * Learning rate as a function of the step.
 *
 * <p>Schedules made here are records: equal settings are equal and print the same, which is how a
 * resumed run recognises its own. All are safe for all threads.
 */
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
        return constant(0);
    }

    /**
     * Linear warm-up from 0, then the peak (transformers: {@code constant_with_warmup}).
     *
     * @param warmupSteps number of steps before the peak, 0 or more
     */
    static Schedule constant(long warmupSteps) {
        return new Shapes.Constant(warmupSteps);
    }

    /**
     * Linear warm-up from 0, then a straight line to 0 (transformers: {@code linear}).
     *
     * @param warmupSteps number of steps before the peak, 0 or more
     */
    static Schedule linear(long warmupSteps) {
        return new Shapes.Linear(warmupSteps);
    }

    /**
     * Linear warm-up from 0, then half a cosine down to a floor (transformers: {@code
     * cosine_with_min_lr}).
     *
     * @param warmupSteps number of steps before the peak, 0 or more
     * @param floor share of the peak at the end, in [0, 1] ({@code min_lr_rate})
     */
    static Schedule cosine(long warmupSteps, double floor) {
        return new Shapes.Cosine(warmupSteps, floor);
    }

    /**
     * Warm-up, stable phase, decay (transformers: {@code warmup_stable_decay} with its linear
     * warm-up and cosine decay): from the floor to the peak, the peak for as long as possible, and
     * half a cosine down to the floor over the last steps (Hu et al. 2024, arXiv:2404.06395).
     *
     * @param warmupSteps number of steps before the peak, 0 or more
     * @param decaySteps number of steps of the last phase, 0 or more ({@code num_decay_steps})
     * @param floor share of the peak at both ends, in [0, 1] ({@code min_lr_ratio})
     */
    static Schedule warmupStableDecay(long warmupSteps, long decaySteps, double floor) {
        return new Shapes.WarmupStableDecay(warmupSteps, decaySteps, floor);
    }

    /**
     * Warms a finished run up again, for training on with new data: a straight line from where the
     * last run ended to the peak, then another schedule over the remaining steps (Ibrahim et al.
     * 2024, arXiv:2403.08763).
     *
     * <p>Forgetting grows while the rate rises: mix old data in. Costs nothing where the last run
     * ended at its peak (constant, or the stable phase of {@link #warmupStableDecay}).
     *
     * @param warmupSteps number of steps before the peak, 0 or more
     * @param start share of the peak at which the last run ended, in [0, 1]
     * @param after schedule of the steps after the warm-up, which it counts from 0
     */
    static Schedule rewarmed(long warmupSteps, double start, Schedule after) {
        return new Shapes.Rewarmed(warmupSteps, start, after);
    }

    /**
     * Returns the number of warm-up steps of a share of the run, rounded up ({@code warmup_ratio}).
     *
     * @param ratio share of the steps, in [0, 1]
     * @throws IllegalArgumentException if it is not in [0, 1]
     */
    static long warmupSteps(double ratio, long steps) {
        if (!(ratio >= 0 && ratio <= 1)) {
            throw new IllegalArgumentException("warmup_ratio must be in [0, 1], is " + ratio);
        }
        return (long) Math.ceil(steps * ratio);
    }
}
