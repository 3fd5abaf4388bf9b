package org.retain4j.finetune;

import java.util.EnumMap;
import java.util.Map;

/**
 * Adds up how long the parts of training steps take, by the clock of the machine.
 *
 * <p>On a GPU, which works behind the program's back, time shows up where the program next waits.
 * Used by one thread at a time.
 */
public final class PhaseTimes {

    /** Part of a step. */
    public enum Phase {
        /** Drawing and weighting rows. */
        DATA,
        /** The model up to its last norm, teachers included. */
        FORWARD,
        /** Scores of the vocabulary, losses, and their gradients back to the last norm. */
        LOSS,
        /** Gradients of the weights. */
        BACKWARD,
        /** Penalties, projections and clipping. */
        METHODS,
        /** The optimizer; with a second gradient a step, that of the wrapper counts as well. */
        OPTIMIZER,
        /** Evaluations, listeners and checkpoints. */
        REST
    }

    private final EnumMap<Phase, Long> nanos = new EnumMap<>(Phase.class);
    private Phase current = Phase.REST;
    private long since;

    /** Begins the clock. */
    void begin() {
        since = System.nanoTime();
        current = Phase.REST;
    }

    /** Ends the current phase and enters another; returns the one that ended. */
    Phase enter(Phase phase) {
        long now = System.nanoTime();
        nanos.merge(current, now - since, Long::sum);
        Phase before = current;
        current = phase;
        since = now;
        return before;
    }

    /** Returns the seconds spent in each part so far. */
    public Map<Phase, Double> seconds() {
        EnumMap<Phase, Double> seconds = new EnumMap<>(Phase.class);
        for (Phase phase : Phase.values()) {
            seconds.put(phase, nanos.getOrDefault(phase, 0L) / 1e9);
        }
        return seconds;
    }

    /** Forgets what was measured, for example after a warm-up. */
    public void reset() {
        nanos.clear();
        begin();
    }
}
