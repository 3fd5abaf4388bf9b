package org.retain4j.finetune;

/** Something whose state belongs into a checkpoint, so that a resumed run continues exactly. */
public interface Stateful {

    /** Returns the state; empty for things that are functions of (seed, step) alone. */
    default StateDict save() {
        return StateDict.empty();
    }

    /**
     * Restores a state that {@link #save} returned.
     *
     * @throws IllegalArgumentException if the state is not one of this kind
     */
    default void load(StateDict state) {
        if (!state.isEmpty()) {
            throw new IllegalArgumentException(
                    getClass().getSimpleName() + " has no state, but was given " + state);
        }
    }
}
