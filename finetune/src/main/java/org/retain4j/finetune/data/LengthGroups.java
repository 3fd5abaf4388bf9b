package org.retain4j.finetune.data;

import java.util.Arrays;
import java.util.Comparator;
import java.util.function.IntUnaryOperator;

/**
 * An order in which the rows of a batch have similar lengths, as {@code group_by_length} of
 * transformers: a random order is cut into large batches, each of which is sorted by length; the
 * longest row of all comes first, so that a lack of memory shows at once.
 */
final class LengthGroups {

    private static final int MOST_BATCHES = 50;

    private LengthGroups() {}

    /** Returns the order; the array is not changed. */
    static int[] group(int[] order, IntUnaryOperator length, int batchSize) {
        long batches = Math.max(1, Math.min(order.length / (batchSize * 4L), MOST_BATCHES));
        int size = (int) Math.min(order.length, batches * batchSize);
        Integer[] result = Arrays.stream(order).boxed().toArray(Integer[]::new);
        Comparator<Integer> longestFirst = Comparator.comparingInt(row -> -length.applyAsInt(row));
        int longest = 0;
        for (int from = 0; from < result.length; from += size) {
            Arrays.sort(result, from, Math.min(result.length, from + size), longestFirst);
            if (length.applyAsInt(result[from]) > length.applyAsInt(result[longest])) {
                longest = from;
            }
        }
        Integer first = result[longest];
        result[longest] = result[0];
        result[0] = first;
        return Arrays.stream(result).mapToInt(Integer::intValue).toArray();
    }
}
