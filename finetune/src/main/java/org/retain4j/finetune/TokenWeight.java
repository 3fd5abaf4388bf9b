package org.retain4j.finetune;

import java.util.List;

/** Changes how much single tokens count; several compose by product. */
public interface TokenWeight extends Stateful {

    /**
     * Returns the rows with other weights.
     *
     * @param rows rows of one step
     * @return as many rows with the same ids
     */
    List<TrainRow> weigh(List<TrainRow> rows);
}
