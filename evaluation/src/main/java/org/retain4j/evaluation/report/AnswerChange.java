package org.retain4j.evaluation.report;

import java.util.Objects;

/**
 * An item that the reference answered rightly and another model wrongly.
 *
 * @param method title of that model's method
 * @param task name of the task
 * @param item id of the item
 * @param question what was asked, perhaps shortened
 * @param expected the right answer
 * @param before what the reference answered
 * @param after what the other model answered
 */
public record AnswerChange(
        String method,
        String task,
        String item,
        String question,
        String expected,
        String before,
        String after) {
    /** Checks that all are there. */
    public AnswerChange {
        Objects.requireNonNull(method, "method");
        Objects.requireNonNull(task, "task");
        Objects.requireNonNull(item, "item");
        Objects.requireNonNull(question, "question");
        Objects.requireNonNull(expected, "expected");
        Objects.requireNonNull(before, "before");
        Objects.requireNonNull(after, "after");
    }
}
