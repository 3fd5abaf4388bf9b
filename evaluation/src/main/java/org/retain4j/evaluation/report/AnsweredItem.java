package org.retain4j.evaluation.report;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/**
 * What a model answered to an item. Immutable and thread-safe.
 *
 * @param task name of the task
 * @param item id of the item
 * @param question the end of what was asked
 * @param expected the right answer
 * @param answer what the model answered
 * @param right whether that was right
 */
public record AnsweredItem(
        String task, String item, String question, String expected, String answer, boolean right) {

    private static final int SHOWN = 400;

    /** Shortens long texts, since this is for showing: of the question the end is kept. */
    public AnsweredItem {
        Objects.requireNonNull(task, "task");
        Objects.requireNonNull(item, "item");
        question =
                question.length() <= SHOWN
                        ? question
                        : "…" + question.substring(question.length() - SHOWN);
        expected = shortened(expected);
        answer = shortened(answer);
    }

    private static String shortened(String text) {
        return text.length() <= SHOWN ? text : text.substring(0, SHOWN) + "…";
    }

    /**
     * Returns the items that were right before and are wrong now.
     *
     * @param method title of the method that answered now
     */
    public static List<AnswerChange> lost(
            String method, List<AnsweredItem> before, List<AnsweredItem> now) {
        Map<String, AnsweredItem> right = new HashMap<>();
        for (AnsweredItem item : before) {
            if (item.right()) {
                right.put(item.task() + " " + item.item(), item);
            }
        }
        List<AnswerChange> changes = new ArrayList<>();
        for (AnsweredItem item : now) {
            AnsweredItem old = right.get(item.task() + " " + item.item());
            if (old != null && !item.right()) {
                changes.add(
                        new AnswerChange(
                                method,
                                item.task(),
                                item.item(),
                                item.question(),
                                item.expected(),
                                old.answer(),
                                item.answer()));
            }
        }
        return changes;
    }
}
