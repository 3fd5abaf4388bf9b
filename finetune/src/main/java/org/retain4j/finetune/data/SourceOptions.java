package org.retain4j.finetune.data;

/**
 * In which order and grouping a data set is trained on; immutable.
 *
 * @param seed seed of the order
 * @param shuffle whether every epoch has a random order of its own, otherwise that of the data
 * @param groupedBatch number of rows of a batch, which get similar lengths, or 0 for no grouping
 * @param packedLength largest number of tokens of a row that is packed from several examples, or 0
 *     for one example a row
 */
public record SourceOptions(long seed, boolean shuffle, int groupedBatch, int packedLength) {

    /**
     * Checks that the options go together.
     *
     * @throws IllegalArgumentException if a number is negative, or grouping is asked for together
     *     with packing or without shuffling
     */
    public SourceOptions {
        if (groupedBatch < 0 || packedLength < 0) {
            throw new IllegalArgumentException(
                    "the batch size "
                            + groupedBatch
                            + " and the packed length "
                            + packedLength
                            + " must not be negative");
        }
        if (groupedBatch > 0 && packedLength > 0) {
            throw new IllegalArgumentException(
                    "length grouping and packing exclude each other, since packed rows are all"
                            + " nearly full; choose one");
        }
        if (groupedBatch > 0 && !shuffle) {
            throw new IllegalArgumentException(
                    "length grouping changes the order of the data; leave shuffle on or group off");
        }
    }

    /** Returns options that shuffle, without grouping and packing. */
    public static SourceOptions shuffled(long seed) {
        return new SourceOptions(seed, true, 0, 0);
    }

    /** Returns options that keep the order of the data. */
    public static SourceOptions ordered() {
        return new SourceOptions(0, false, 0, 0);
    }

    /** Returns the same with batches of similar lengths. */
    public SourceOptions groupedByLength(int batchSize) {
        return new SourceOptions(seed, shuffle, batchSize, packedLength);
    }

    /** Returns the same with several examples in a row of at most so many tokens. */
    public SourceOptions packed(int maxLength) {
        return new SourceOptions(seed, shuffle, groupedBatch, maxLength);
    }
}
