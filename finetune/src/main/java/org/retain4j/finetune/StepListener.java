package org.retain4j.finetune;

/** Hears of every step; called from the training thread, between steps. */
public interface StepListener {

    /** Is told that a step is done. */
    void onStep(StepReport report);
}
