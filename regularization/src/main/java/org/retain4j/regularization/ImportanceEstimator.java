package org.retain4j.regularization;

import org.retain4j.core.model.CausalLm;
import org.retain4j.finetune.BatchSource;

/** Estimates from data how much every weight matters for what a model knows. */
public interface ImportanceEstimator {

    /**
     * Estimates the importance of all parameters that a run would train.
     *
     * @param data source of the sequences; rows 0, 1, … are used
     */
    Importance estimate(CausalLm model, BatchSource data);
}
