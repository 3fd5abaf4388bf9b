package org.retain4j.evaluation.tasks;

import java.util.Locale;

/** How a task gets its answers, with the names of the harness in lower case. */
public enum OutputType {
    /** The answer with the largest log-likelihood is taken. */
    MULTIPLE_CHOICE,
    /** The end of a text is scored. */
    LOGLIKELIHOOD,
    /** Whole documents are scored. */
    LOGLIKELIHOOD_ROLLING,
    /** The model writes the answer. */
    GENERATE_UNTIL;

    /** Returns the name in the harness's files. */
    @Override
    public String toString() {
        return name().toLowerCase(Locale.ROOT);
    }
}
