package org.retain4j.finetune;

import java.util.ArrayList;
import java.util.List;
import org.retain4j.core.tensor.Random;

/** Rows of random ids and lengths, a function of seed and row number. */
record RandomRows(long seed, int vocabulary, int minLength, int maxLength) implements BatchSource {

    @Override
    public List<TrainRow> rows(long firstRow, int count) {
        List<TrainRow> rows = new ArrayList<>();
        for (long row = firstRow; row < firstRow + count; row++) {
            Random random = Random.at(seed, row, "test-rows");
            int[] ids = new int[minLength + random.nextInt(maxLength - minLength + 1)];
            for (int i = 0; i < ids.length; i++) {
                ids[i] = random.nextInt(vocabulary);
            }
            rows.add(TrainRow.of(ids));
        }
        return rows;
    }
}
