package org.retain4j.finetune.data;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.retain4j.core.tensor.Random;
import org.retain4j.finetune.BatchSource;
import org.retain4j.finetune.TrainRow;

/**
 * A data set as an endless stream of rows, epoch after epoch.
 *
 * <p>Which rows share a packed row is settled once, so that all epochs have the same number of
 * rows; their order is a function of the seed and the epoch. Without shuffling, packed rows hold
 * neighbours in the order of the data. Safe for all threads.
 */
public final class DatasetSource implements BatchSource {

    private final EncodedDataset data;
    private final SourceOptions options;
    private final @Nullable Packing packing;
    private volatile Order last = new Order(-1, new int[0]);

    private record Order(long epoch, int[] rows) {}

    private DatasetSource(EncodedDataset data, SourceOptions options, @Nullable Packing packing) {
        this.data = data;
        this.options = options;
        this.packing = packing;
    }

    /**
     * Makes a source.
     *
     * @throws IllegalArgumentException if rows are to be packed and an example is longer than the
     *     packed length
     */
    public static DatasetSource of(EncodedDataset data, SourceOptions options) {
        return new DatasetSource(
                data, options, options.packedLength() == 0 ? null : pack(data, options));
    }

    private static Packing pack(EncodedDataset data, SourceOptions options) {
        int capacity = options.packedLength();
        for (int row = 0; row < data.size(); row++) {
            if (data.length(row) > capacity) {
                throw new IllegalArgumentException(
                        "example "
                                + row
                                + " has "
                                + data.length(row)
                                + " tokens, more than the packed length of "
                                + capacity
                                + "; encode with a max_length of at most that");
            }
        }
        if (!options.shuffle()) {
            return Packing.inOrder(
                    IntStream.range(0, data.size()).toArray(), data::length, capacity);
        }
        int[] order = Random.at(options.seed(), 0, "packing").permutation(data.size());
        return Packing.bestFit(order, data::length, capacity);
    }

    /** Returns the number of examples. */
    public int size() {
        return data.size();
    }

    /** Returns the number of rows of an epoch: examples, or packed rows. */
    public int epochRows() {
        return packing == null ? data.size() : packing.bins();
    }

    /** Returns the data. */
    public EncodedDataset data() {
        return data;
    }

    @Override
    public List<TrainRow> rows(long firstRow, int count) {
        List<TrainRow> rows = new ArrayList<>(count);
        int inEpoch = epochRows();
        for (long row = firstRow; row < firstRow + count; row++) {
            rows.add(row(order(row / inEpoch)[(int) (row % inEpoch)]));
        }
        return rows;
    }

    private TrainRow row(int number) {
        if (packing == null) {
            return data.row(number);
        }
        int[] bin = packing.bin(number);
        List<TrainRow> examples = new ArrayList<>(bin.length);
        for (int example : bin) {
            examples.add(data.row(example));
        }
        return TrainRow.packed(examples);
    }

    /** Returns the order of an epoch; remembered, because a source that mixes asks row by row. */
    private int[] order(long epoch) {
        Order known = last;
        if (known.epoch() != epoch) {
            known = new Order(epoch, compute(epoch));
            last = known;
        }
        return known.rows();
    }

    private int[] compute(long epoch) {
        if (!options.shuffle()) {
            return IntStream.range(0, epochRows()).toArray();
        }
        int[] order = Random.at(options.seed(), epoch, "data-order").permutation(epochRows());
        return options.groupedBatch() == 0
                ? order
                : LengthGroups.group(order, data::length, options.groupedBatch());
    }
}
