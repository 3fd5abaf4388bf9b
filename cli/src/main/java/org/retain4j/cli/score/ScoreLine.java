package org.retain4j.cli.score;

import com.fasterxml.jackson.databind.JsonNode;
import org.jspecify.annotations.Nullable;
import org.retain4j.evaluation.scoring.ScoreRequest;

/**
 * One line of the input, ready to be scored.
 *
 * @param number number of the line, from 1
 * @param id the line's own id, null if it has none
 * @param request tokens to score; none if there is a problem
 * @param bytes UTF-8 bytes of what counts
 * @param cut how many tokens were cut off on the left
 * @param problem why the line is not scored, null if it is
 */
record ScoreLine(
        long number,
        @Nullable JsonNode id,
        ScoreRequest request,
        long bytes,
        int cut,
        @Nullable String problem) {

    /** A line that gets an error in its place. */
    static ScoreLine skipped(long number, @Nullable JsonNode id, String problem) {
        return new ScoreLine(number, id, ScoreRequest.of(), 0, 0, problem);
    }
}
