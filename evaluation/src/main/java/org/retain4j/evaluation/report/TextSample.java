package org.retain4j.evaluation.report;

import java.util.Objects;

/**
 * What a model wrote after a prompt.
 *
 * @param prompt the text given to the model
 * @param continuation the text it produced, without the prompt
 */
public record TextSample(String prompt, String continuation) {
    /** Checks that both are there. */
    public TextSample {
        Objects.requireNonNull(prompt, "prompt");
        Objects.requireNonNull(continuation, "continuation");
    }
}
