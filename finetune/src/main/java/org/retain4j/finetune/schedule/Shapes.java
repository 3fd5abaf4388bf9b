package org.retain4j.finetune.schedule;

/** The schedules of this library. */
final class Shapes {

    private Shapes() {}

    private static void requireSteps(String option, long steps) {
        if (steps < 0) {
            throw new IllegalArgumentException(option + " must be 0 or more, is " + steps);
        }
    }

    private static void requireShare(String option, double share) {
        if (!(share >= 0 && share <= 1)) {
            throw new IllegalArgumentException(option + " must be in [0, 1], is " + share);
        }
    }

    private static double halfCosine(double done, double floor) {
        return floor + (1 - floor) * 0.5 * (1 + Math.cos(Math.PI * Math.min(1, done)));
    }

    record Constant(long warmupSteps) implements Schedule {
        Constant {
            requireSteps("warmup_steps", warmupSteps);
        }

        @Override
        public double factor(long step, long steps) {
            return step < warmupSteps ? (double) step / warmupSteps : 1;
        }
    }

    record Linear(long warmupSteps) implements Schedule {
        Linear {
            requireSteps("warmup_steps", warmupSteps);
        }

        @Override
        public double factor(long step, long steps) {
            return step < warmupSteps
                    ? (double) step / warmupSteps
                    : (double) Math.max(0, steps - step) / Math.max(1, steps - warmupSteps);
        }
    }

    record Cosine(long warmupSteps, double floor) implements Schedule {
        Cosine {
            requireSteps("warmup_steps", warmupSteps);
            requireShare("min_lr_rate", floor);
        }

        @Override
        public double factor(long step, long steps) {
            return step < warmupSteps
                    ? (double) step / warmupSteps
                    : halfCosine(
                            (double) (step - warmupSteps) / Math.max(1, steps - warmupSteps),
                            floor);
        }
    }

    record WarmupStableDecay(long warmupSteps, long decaySteps, double floor) implements Schedule {
        WarmupStableDecay {
            requireSteps("warmup_steps", warmupSteps);
            requireSteps("num_decay_steps", decaySteps);
            requireShare("min_lr_ratio", floor);
        }

        @Override
        public double factor(long step, long steps) {
            if (step < warmupSteps) {
                return floor + (1 - floor) * step / warmupSteps;
            }
            // a run shorter than both phases decays right after its warm-up
            long decayStart = Math.max(warmupSteps, steps - decaySteps);
            if (step < decayStart) {
                return 1;
            }
            return step < decayStart + decaySteps
                    ? halfCosine((double) (step - decayStart) / decaySteps, floor)
                    : floor;
        }
    }

    record Rewarmed(long warmupSteps, double start, Schedule after) implements Schedule {
        Rewarmed {
            requireSteps("warmup_steps", warmupSteps);
            requireShare("the share at which the last run ended", start);
        }

        @Override
        public double factor(long step, long steps) {
            return step < warmupSteps
                    ? start + (1 - start) * step / warmupSteps
                    : after.factor(step - warmupSteps, Math.max(1, steps - warmupSteps));
        }
    }
}
