package org.retain4j.docs;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import org.retain4j.core.tensor.Random;
import org.retain4j.finetune.BatchSource;
import org.retain4j.finetune.TrainRow;

/**
 * A curriculum: rows are drawn from the shortest examples, then from more, in the end from all.
 *
 * @param examples what to draw from
 * @param rowsUntilAll number of the row from which on every example may come
 * @param seed seed of the draws
 */
record ShortFirst(List<TrainRow> examples, long rowsUntilAll, long seed) implements BatchSource {

    ShortFirst {
        examples =
                examples.stream().sorted(Comparator.comparingInt(row -> row.ids().length)).toList();
    }

    /** Each row depends on its number alone, so a resumed run sees the same ones. */
    @Override
    public List<TrainRow> rows(long firstRow, int count) {
        List<TrainRow> rows = new ArrayList<>();
        for (long row = firstRow; row < firstRow + count; row++) {
            double share = Math.min(1, (row + 1.0) / rowsUntilAll);
            int pool = (int) Math.ceil(share * examples.size());
            rows.add(examples.get(Random.at(seed, row, "short-first").nextInt(pool)));
        }
        return rows;
    }
}
