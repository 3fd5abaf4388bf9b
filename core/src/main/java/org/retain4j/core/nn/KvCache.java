package org.retain4j.core.nn;

import java.util.ArrayList;
import java.util.List;
import org.retain4j.core.tensor.DType;
import org.retain4j.core.tensor.Device;
import org.retain4j.core.tensor.Scope;
import org.retain4j.core.tensor.Tensor;

/**
 * Keys and values of the tokens that a decoder has seen, for all layers.
 *
 * <p>Allocated once for the longest sequence; one writer at a time.
 */
public final class KvCache implements AutoCloseable {

    private final Scope scope = Scope.unbound();
    private final List<Tensor> keys = new ArrayList<>();
    private final List<Tensor> values = new ArrayList<>();
    private final int rows;
    private final int capacity;
    private final int[] padding;
    private int position;

    /**
     * Creates an empty cache.
     *
     * @param capacity largest number of tokens in a row
     */
    public KvCache(
            int layers, int rows, int heads, int capacity, int headDim, DType type, Device device) {
        this.rows = rows;
        this.capacity = capacity;
        this.padding = new int[rows];
        for (int i = 0; i < layers; i++) {
            keys.add(scope.adopt(Tensor.zeros(type, device, rows, heads, capacity, headDim)));
            values.add(scope.adopt(Tensor.zeros(type, device, rows, heads, capacity, headDim)));
        }
    }

    Tensor keys(int layer) {
        return keys.get(layer);
    }

    Tensor values(int layer) {
        return values.get(layer);
    }

    /** Returns how many tokens of each row are stored, padding included. */
    public int position() {
        return position;
    }

    /** Returns how many of the stored tokens of a row are padding on its left. */
    public int padding(int row) {
        return padding[row];
    }

    /** Returns whether a row begins with padding. */
    public boolean isPadded() {
        for (int count : padding) {
            if (count > 0) {
                return true;
            }
        }
        return false;
    }

    /**
     * Tells how many tokens of a row are padding; called before the first tokens are stored.
     *
     * @throws IllegalStateException if there are stored tokens already
     */
    public void padding(int row, int count) {
        if (position > 0) {
            throw new IllegalStateException("only the first tokens of a cache can have padding");
        }
        padding[row] = count;
    }

    /**
     * Counts tokens that a forward pass has stored.
     *
     * @throws IllegalStateException if they are more than fit
     */
    public void advance(int tokens) {
        requireRoom(rows, tokens);
        position += tokens;
    }

    /**
     * Forgets the last tokens, so that others can follow the first ones.
     *
     * @param tokens how many tokens of each row stay
     * @throws IllegalArgumentException if there are fewer
     */
    public void truncate(int tokens) {
        if (tokens < 0 || tokens > position) {
            throw new IllegalArgumentException(
                    "the cache holds " + position + " tokens a row and cannot keep " + tokens);
        }
        position = tokens;
    }

    /**
     * Checks that more tokens fit.
     *
     * @throws IllegalArgumentException if the number of rows is another one
     * @throws IllegalStateException if there are too many tokens
     */
    public void requireRoom(int batchRows, int tokens) {
        if (batchRows != rows) {
            throw new IllegalArgumentException(
                    "the cache is for " + rows + " row(s), the batch has " + batchRows);
        }
        if (tokens > capacity - position) {
            throw new IllegalStateException(
                    "the cache holds "
                            + capacity
                            + " tokens a row and "
                            + position
                            + " are used; "
                            + tokens
                            + " more do not fit");
        }
    }

    /** Frees the cache. */
    @Override
    public void close() {
        scope.close();
    }
}
