package org.retain4j.replay.dark;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.retain4j.core.model.CausalLm;
import org.retain4j.finetune.BatchSource;
import org.retain4j.finetune.TrainRow;

/**
 * Keeps the predictions close to those of the base model without its forward pass in every step:
 * the base's most likely tokens are taken down once for every row, the first time it is drawn
 * before training moves the weights.
 *
 * <p>With k the whole vocabulary and strength β this is KL to the base model with β. Needs 8 k + 4
 * bytes a token. Made for one run; not safe for concurrent use.
 */
public final class CachedTeacher implements BatchSource {

    private final Map<List<Integer>, TrainRow> known = new HashMap<>();
    private final BatchSource rows;

    /**
     * Takes down the scores of all rows that a run will see.
     *
     * @param base the base model, or the model that is to be trained, before it is
     * @param rows the data
     * @param count number of rows of the run
     * @param batch rows of a forward pass, 1 or more
     */
    public CachedTeacher(CausalLm base, BatchSource rows, long count, int batch, TopScores scores) {
        this.rows = rows;
        for (long row = 0; row < count; row += batch) {
            List<TrainRow> missing = new ArrayList<>();
            for (TrainRow one : rows.rows(row, (int) Math.min(batch, count - row))) {
                if (!known.containsKey(key(one))) {
                    missing.add(one);
                }
            }
            if (!missing.isEmpty()) {
                scores.of(base, missing).forEach(one -> known.put(key(one), one));
            }
        }
    }

    private static List<Integer> key(TrainRow row) {
        List<Integer> key = new ArrayList<>(row.ids().length);
        for (int id : row.ids()) {
            key.add(id);
        }
        return key;
    }

    /** Returns how many different rows were taken down. */
    public int size() {
        return known.size();
    }

    @Override
    public List<TrainRow> rows(long firstRow, int count) {
        List<TrainRow> near = new ArrayList<>(count);
        for (TrainRow row : rows.rows(firstRow, count)) {
            TrainRow scored = known.get(key(row));
            if (scored == null) {
                throw new IllegalStateException(
                        "row "
                                + firstRow
                                + " or one after it is beyond the rows that were taken down");
            }
            near.add(row.near(Objects.requireNonNull(scored.stored())));
        }
        return near;
    }
}
