package org.retain4j.finetune.data;

import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import org.retain4j.finetune.TrainRow;

/** Rows in memory. */
final class MemoryRows implements EncodedDataset.Rows {

    /** Bytes of a token (id and weight), and about those of the objects of a row. */
    private static final int TOKEN = 8;

    private static final int OBJECTS = 96;

    private final long limit;
    private final List<TrainRow> rows = new ArrayList<>();
    private final BitSet continues = new BitSet();
    private long bytes;

    MemoryRows(long limit) {
        this.limit = limit;
    }

    void add(TrainRow row, boolean continued) {
        continues.set(rows.size(), continued);
        rows.add(row);
    }

    void addBounded(TrainRow row, boolean continued) throws DataException {
        bytes += OBJECTS + (long) TOKEN * row.ids().length;
        if (bytes > limit) {
            throw new DataException(
                    "the tokens of the data take more than "
                            + (limit >> 20)
                            + " MiB, a quarter of the memory of the JVM; give a cache folder, from"
                            + " which they are read as needed, or raise -Xmx");
        }
        add(row, continued);
    }

    @Override
    public int size() {
        return rows.size();
    }

    @Override
    public int length(int row) {
        return rows.get(row).ids().length;
    }

    @Override
    public boolean continues(int row) {
        return continues.get(row);
    }

    @Override
    public TrainRow row(int row) {
        return rows.get(row);
    }
}
