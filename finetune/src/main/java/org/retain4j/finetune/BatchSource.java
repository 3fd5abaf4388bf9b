package org.retain4j.finetune;

import java.util.List;

/**
 * Endless stream of training rows, addressed by number.
 *
 * <p>The rows are a function of their number (and of the source's own seed): a run that is resumed
 * at any row sees the same data. A source that wraps another one can mix, weight or replace rows.
 */
public interface BatchSource extends Stateful {

    /**
     * Returns consecutive rows.
     *
     * @param firstRow number of the first row, counted from the start of the run
     * @param count how many rows
     */
    List<TrainRow> rows(long firstRow, int count);
}
