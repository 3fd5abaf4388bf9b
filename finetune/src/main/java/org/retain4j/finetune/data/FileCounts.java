package org.retain4j.finetune.data;

/**
 * What became of the rows of a file.
 *
 * @param file the file
 * @param read rows that were found
 * @param skipped rows left out because of a problem
 * @param dropped examples left out because they were too long
 * @param cut examples that were too long and lost tokens or were split
 * @param rows training rows that came out
 * @param tokens tokens of these rows
 * @param counted tokens of these rows on which the loss is
 * @param ended examples in which a token that ends a text or turn is learned
 * @param merged examples in which one token holds the end of the prompt and the start of the
 *     completion
 * @param uncounted turns of the assistant that do not count, because the chat template writes them
 *     differently when they are generated
 * @param longest tokens of the longest example, before it was cut
 */
public record FileCounts(
        String file,
        long read,
        long skipped,
        long dropped,
        long cut,
        long rows,
        long tokens,
        long counted,
        long ended,
        long merged,
        long uncounted,
        long longest) {

    /** Returns the counts of both under the name of this one; the longest is the longer. */
    FileCounts plus(FileCounts other) {
        return new FileCounts(
                file,
                read + other.read,
                skipped + other.skipped,
                dropped + other.dropped,
                cut + other.cut,
                rows + other.rows,
                tokens + other.tokens,
                counted + other.counted,
                ended + other.ended,
                merged + other.merged,
                uncounted + other.uncounted,
                Math.max(longest, other.longest));
    }
}
