package org.retain4j.replay;

import java.util.ArrayList;
import java.util.List;
import org.retain4j.finetune.BatchMixer;
import org.retain4j.finetune.BatchSource;
import org.retain4j.finetune.TrainRow;

/**
 * Old rows in place of new ones with a share that changes over the run; the number of rows, and so
 * the cost, stays the same, and over any number of rows the old ones are exactly the floor of the
 * share's sum.
 *
 * <p>A function of the row number, so it has no state. Safe for all threads if the sources are.
 *
 * @param old source of old data
 * @param course how the share goes over the run
 * @param ratio its largest value, in [0, 1)
 * @param length rows of the whole run, 1 or more
 */
public record ReplayCurriculum(BatchSource old, Course course, double ratio, long length)
        implements BatchMixer {

    /** Share of the run in which end-loaded replay happens. */
    public static final double END = 0.1;

    /** How the share of old rows goes over a run. */
    public enum Course {
        /** From the ratio down to 0 in a straight line. */
        DECAYING,
        /** From 0 up to the ratio in a straight line. */
        RISING,
        /** The ratio in the last tenth of the run, 0 before. */
        END_LOADED
    }

    /**
     * Creates the mixer.
     *
     * @throws IllegalArgumentException if a number is out of range
     */
    public ReplayCurriculum {
        if (!(ratio >= 0 && ratio < 1) || length < 1) {
            throw new IllegalArgumentException(
                    "the replay ratio must be in [0, 1) and the run have a row, are "
                            + ratio
                            + " and "
                            + length);
        }
    }

    @Override
    public BatchSource mix(BatchSource newData) {
        return (firstRow, count) -> {
            List<TrainRow> rows = new ArrayList<>(count);
            for (long row = firstRow; row < firstRow + count; row++) {
                long before = oldRows(row);
                if (oldRows(row + 1) > before) {
                    rows.add(old.rows(before, 1).get(0).asReplayed());
                } else {
                    rows.add(newData.rows(row - before, 1).get(0));
                }
            }
            return rows;
        };
    }

    /** Returns how many of the first rows of the run are old. */
    public long oldRows(long rows) {
        double x = Math.min(rows, length);
        double sum =
                switch (course) {
                    case DECAYING -> ratio * (x - x * x / (2.0 * length));
                    case RISING -> ratio * x * x / (2.0 * length);
                    case END_LOADED -> ratio * Math.max(0, x - (1 - END) * length);
                };
        return (long) Math.floor(sum + 1e-9);
    }
}
