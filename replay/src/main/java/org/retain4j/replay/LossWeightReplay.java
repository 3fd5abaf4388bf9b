package org.retain4j.replay;

import java.util.ArrayList;
import java.util.List;
import org.retain4j.finetune.BatchMixer;
import org.retain4j.finetune.BatchSource;
import org.retain4j.finetune.TrainRow;

/**
 * Adds old rows to every step and their loss to that of the new ones, L_new + w L_old, two means
 * over tokens (experience replay, Rolnick et al. 2019, arXiv:1811.11682).
 *
 * <p>Unlike {@link ExperienceReplay}, where old rows replace new ones at the same cost, the rows
 * are additional and w does not depend on their number. A function of the row number, so it has no
 * state. Safe for all threads if the sources are.
 *
 * @param old source of old data
 * @param rows old rows a step, 1 or more
 * @param weight w, 0 or more
 */
public record LossWeightReplay(BatchSource old, int rows, double weight) implements BatchMixer {

    /**
     * Creates the mixer.
     *
     * @throws IllegalArgumentException if a number is out of range
     */
    public LossWeightReplay {
        if (rows < 1 || !(weight >= 0) || Double.isInfinite(weight)) {
            throw new IllegalArgumentException(
                    "replay adds a row or more with a weight from 0 on, not "
                            + rows
                            + " with "
                            + weight);
        }
    }

    @Override
    public BatchSource mix(BatchSource newData) {
        return (firstRow, count) -> {
            List<TrainRow> step = new ArrayList<>(newData.rows(firstRow, count));
            List<TrainRow> added = old.rows(firstRow / count * rows, rows);
            double ofNew = step.stream().mapToDouble(TrainRow::totalWeight).sum();
            double ofOld = added.stream().mapToDouble(TrainRow::totalWeight).sum();
            for (TrainRow row : added) {
                float[] own = row.weights().clone();
                for (int t = 0; t < own.length; t++) {
                    own[t] *= ofOld > 0 ? (float) (weight * ofNew / ofOld) : 0;
                }
                step.add(row.asReplayed().besides(own));
            }
            return step;
        };
    }
}
