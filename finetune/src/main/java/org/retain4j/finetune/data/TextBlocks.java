package org.retain4j.finetune.data;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.retain4j.core.tensor.Random;
import org.retain4j.core.text.Tokenizer;
import org.retain4j.finetune.BatchSource;
import org.retain4j.finetune.TrainRow;

/**
 * Plain text as training rows: all documents joined into one stream of tokens and cut into blocks.
 *
 * <p>Each document starts with the tokenizer's start token, or ends with its end token when it has
 * no start token. Every pass over the data has a random order of its own, a function of the seed.
 * Safe for all threads.
 */
public final class TextBlocks implements BatchSource {

    private final List<int[]> blocks;
    private final long seed;
    private volatile Order last = new Order(-1, new int[0]);

    private record Order(long epoch, int[] blocks) {}

    private TextBlocks(List<int[]> blocks, long seed) {
        this.blocks = blocks;
        this.seed = seed;
    }

    /**
     * Cuts documents into blocks.
     *
     * @param blockLength tokens of a block, at least 2; the rest of the stream is dropped
     * @param seed seed of the order
     * @throws IllegalArgumentException if the text is shorter than one block
     */
    public static TextBlocks of(
            List<String> documents, Tokenizer tokenizer, int blockLength, long seed) {
        if (blockLength < 2) {
            throw new IllegalArgumentException("a block needs 2 tokens, not " + blockLength);
        }
        List<int[]> encoded = new ArrayList<>();
        for (String document : documents) {
            encoded.add(withBoundary(tokenizer.encode(document), tokenizer));
        }
        return ofTokens(encoded, blockLength, seed);
    }

    /** Cuts documents of token ids into blocks; otherwise as {@link #of}. */
    public static TextBlocks ofTokens(List<int[]> documents, int blockLength, long seed) {
        int[] stream = documents.stream().flatMapToInt(Arrays::stream).toArray();
        List<int[]> blocks = new ArrayList<>();
        for (int i = 0; i + blockLength <= stream.length; i += blockLength) {
            blocks.add(Arrays.copyOfRange(stream, i, i + blockLength));
        }
        if (blocks.isEmpty()) {
            throw new IllegalArgumentException(
                    "the text has "
                            + stream.length
                            + " tokens, less than one block of "
                            + blockLength
                            + "; give more text or a smaller max_length");
        }
        return new TextBlocks(blocks, seed);
    }

    private static int[] withBoundary(int[] ids, Tokenizer tokenizer) {
        boolean starts =
                tokenizer.bosId().isPresent()
                        && ids.length > 0
                        && ids[0] == tokenizer.bosId().getAsInt();
        if (starts || tokenizer.eosId().isEmpty()) {
            return ids;
        }
        int[] closed = Arrays.copyOf(ids, ids.length + 1);
        closed[ids.length] = tokenizer.eosId().getAsInt();
        return closed;
    }

    /** Returns the same blocks in the order of another seed; the text is not encoded again. */
    public TextBlocks withSeed(long otherSeed) {
        return new TextBlocks(blocks, otherSeed);
    }

    /** Returns the number of blocks. */
    public int size() {
        return blocks.size();
    }

    /** Returns the blocks in the order of the text; the arrays are not copies. */
    public List<int[]> blocks() {
        return List.copyOf(blocks);
    }

    @Override
    public List<TrainRow> rows(long firstRow, int count) {
        List<TrainRow> rows = new ArrayList<>(count);
        for (long row = firstRow; row < firstRow + count; row++) {
            int[] order = order(row / blocks.size());
            rows.add(TrainRow.of(blocks.get(order[(int) (row % blocks.size())])));
        }
        return rows;
    }

    /** Returns the order of an epoch; remembered, because a source that mixes asks row by row. */
    private int[] order(long epoch) {
        Order known = last;
        if (known.epoch() != epoch) {
            known =
                    new Order(
                            epoch, Random.at(seed, epoch, "data-order").permutation(blocks.size()));
            last = known;
        }
        return known.blocks();
    }
}
