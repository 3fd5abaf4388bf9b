package org.retain4j.finetune.data;

import java.util.List;
import org.retain4j.finetune.TrainRow;

/**
 * What became of one example.
 *
 * @param rows the rows; none when the example was dropped, several when it was split
 * @param tokens number of tokens before anything was cut
 * @param cut whether it had more tokens than a row can have
 * @param uncounted turns of the assistant that do not count, see {@link AssistantTurns}
 * @param merged whether one token holds the end of the prompt and the start of the completion
 * @param ended whether a token that ends a text or turn is learned
 */
record Encoded(
        List<TrainRow> rows,
        int tokens,
        boolean cut,
        int uncounted,
        boolean merged,
        boolean ended) {}
