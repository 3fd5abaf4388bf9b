package org.retain4j.evaluation.contamination;

import java.util.List;

/**
 * The items of a task that are, in part, in the training texts. Immutable and thread-safe.
 *
 * @param task name of the task
 * @param items how many items were looked for
 * @param tooShort how many have too few words to be looked for
 * @param contaminated those found, in the order of the items
 */
public record TaskContamination(
        String task, int items, int tooShort, List<ContaminatedItem> contaminated) {
    /** Copies the list. */
    public TaskContamination {
        contaminated = List.copyOf(contaminated);
    }
}
