package org.retain4j.replay;

import java.math.BigDecimal;
import java.math.RoundingMode;
import java.util.ArrayList;
import java.util.List;
import org.retain4j.finetune.BatchMixer;
import org.retain4j.finetune.BatchSource;
import org.retain4j.finetune.TrainRow;

/**
 * Mixes rows of old data into the new (experience replay, Rolnick et al. 2019, arXiv:1811.11682;
 * for continual pre-training Ibrahim et al. 2024, arXiv:2403.08763).
 *
 * <p>Old rows replace new ones: the number of rows, and so the cost of the run, stays the same.
 * Over any number of rows n, exactly ⌊n · ratio⌋ are old, spread evenly. The mix is a function of
 * the row number, so it has no state to save. Safe for all threads if the sources are.
 *
 * @param old source of old data
 * @param ratio share of old rows, in [0, 1)
 */
public record ExperienceReplay(BatchSource old, double ratio) implements BatchMixer {

    /** Default share of old rows. */
    public static final double DEFAULT_RATIO = 0.125;

    /**
     * Creates the mixer.
     *
     * @throws IllegalArgumentException if the ratio is not in [0, 1)
     */
    public ExperienceReplay {
        if (!(ratio >= 0 && ratio < 1)) {
            throw new IllegalArgumentException("the replay ratio must be in [0, 1), is " + ratio);
        }
    }

    @Override
    public BatchSource mix(BatchSource newData) {
        return (firstRow, count) -> {
            List<TrainRow> rows = new ArrayList<>(count);
            for (long row = firstRow; row < firstRow + count; row++) {
                long oldBefore = oldRows(row);
                if (oldRows(row + 1) > oldBefore) {
                    rows.add(old.rows(oldBefore, 1).get(0).asReplayed());
                } else {
                    rows.add(newData.rows(row - oldBefore, 1).get(0));
                }
            }
            return rows;
        };
    }

    private long oldRows(long rows) {
        // in decimals: 100 * 0.29 is less than 29 as a double
        return BigDecimal.valueOf(ratio)
                .multiply(BigDecimal.valueOf(rows))
                .setScale(0, RoundingMode.FLOOR)
                .longValueExact();
    }
}
