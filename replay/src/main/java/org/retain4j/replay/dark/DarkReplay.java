package org.retain4j.replay.dark;

import java.util.ArrayList;
import java.util.List;
import org.retain4j.core.model.CausalLm;
import org.retain4j.finetune.BatchMixer;
import org.retain4j.finetune.BatchSource;
import org.retain4j.finetune.TrainRow;

/**
 * Adds old rows to every step that only have to keep the scores that the base model has for them:
 * dark experience replay from a buffer that was filled before the run (Buzzega et al. 2020,
 * arXiv:2004.07211).
 *
 * <p>Unlike replay of labels it keeps what the model said, right or wrong. Costs the rows on top of
 * a step and 8 k + 4 bytes a token. A function of the row number, so it has no state. Safe for all
 * threads if the data is.
 *
 * @param rows old rows with stored scores, used in turn
 * @param perStep how many a step, 1 or more
 */
public record DarkReplay(List<TrainRow> rows, int perStep) implements BatchMixer {

    /**
     * Creates the mixer.
     *
     * @throws IllegalArgumentException if there are no rows, one has no scores, or a number is out
     *     of range
     */
    public DarkReplay {
        rows = List.copyOf(rows);
        if (rows.isEmpty() || perStep < 1 || rows.stream().anyMatch(row -> row.stored() == null)) {
            throw new IllegalArgumentException(
                    "dark replay needs a row a step or more, and rows with stored scores");
        }
    }

    /**
     * Takes down the scores of the first rows of old data.
     *
     * @param base the model whose scores are kept
     * @param count how many rows, 1 or more
     */
    public static DarkReplay of(
            CausalLm base, BatchSource old, int count, int perStep, TopScores scores) {
        List<TrainRow> rows = new ArrayList<>();
        for (int row = 0; row < count; row += perStep) {
            rows.addAll(scores.of(base, old.rows(row, Math.min(perStep, count - row))));
        }
        return new DarkReplay(rows, perStep);
    }

    @Override
    public BatchSource mix(BatchSource newData) {
        return (firstRow, count) -> {
            List<TrainRow> step = new ArrayList<>(newData.rows(firstRow, count));
            for (int i = 0; i < perStep; i++) {
                TrainRow row = rows.get((int) ((firstRow / count * perStep + i) % rows.size()));
                // only the scores count
                step.add(row.asReplayed().besides(new float[row.weights().length]));
            }
            return step;
        };
    }

    /** Returns name and settings. */
    @Override
    public String toString() {
        return "DarkReplay[rows=" + rows.size() + ", perStep=" + perStep + "]";
    }
}
