package org.retain4j.evaluation.report;

import java.util.Objects;

/**
 * What a model wrote after a prompt before and after training.
 *
 * @param prompt the text given to the model
 * @param before what it wrote before, without the prompt
 * @param after what it wrote afterwards, without the prompt
 */
public record SampleChange(String prompt, String before, String after) {
    /** Checks that all are there. */
    public SampleChange {
        Objects.requireNonNull(prompt, "prompt");
        Objects.requireNonNull(before, "before");
        Objects.requireNonNull(after, "after");
    }
}
