package org.retain4j.core.model;

import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Token ids of several sequences as a rectangle, with padding where they differ in length.
 *
 * <p>Immutable, safe for all threads.
 */
public final class TokenBatch {

    private final int rows;
    private final int tokens;
    private final long[] ids;
    private final boolean @Nullable [] mask;

    private TokenBatch(int rows, int tokens, long[] ids, boolean @Nullable [] mask) {
        this.rows = rows;
        this.tokens = tokens;
        this.ids = ids;
        this.mask = mask;
    }

    /**
     * Creates a batch of sequences of equal length.
     *
     * @throws IllegalArgumentException if there is none, one is empty, or lengths differ
     */
    public static TokenBatch of(List<int[]> sequences) {
        int tokens = requireLength(sequences);
        for (int[] row : sequences) {
            if (row.length != tokens) {
                throw new IllegalArgumentException(
                        "sequences have "
                                + tokens
                                + " and "
                                + row.length
                                + " tokens; use TokenBatch.padded for different lengths");
            }
        }
        return fill(sequences, tokens, 0, false);
    }

    /** Creates a batch of one sequence. */
    public static TokenBatch of(int... sequence) {
        return of(List.of(sequence));
    }

    /**
     * Creates a batch in which short sequences are filled up to the longest.
     *
     * @param padId id of the filling, any id of the vocabulary
     * @param left whether to fill on the left instead of the right; needed for generation
     */
    public static TokenBatch padded(List<int[]> sequences, int padId, boolean left) {
        requireLength(sequences);
        int tokens = sequences.stream().mapToInt(row -> row.length).max().orElseThrow();
        return fill(sequences, tokens, padId, left);
    }

    private static int requireLength(List<int[]> sequences) {
        if (sequences.isEmpty() || sequences.stream().anyMatch(row -> row.length == 0)) {
            throw new IllegalArgumentException("a batch needs sequences of at least one token");
        }
        return sequences.get(0).length;
    }

    private static TokenBatch fill(List<int[]> sequences, int tokens, int padId, boolean left) {
        int rows = sequences.size();
        long[] ids = new long[rows * tokens];
        Arrays.fill(ids, padId);
        boolean[] mask = new boolean[rows * tokens];
        boolean padded = false;
        for (int r = 0; r < rows; r++) {
            int[] row = sequences.get(r);
            int start = r * tokens + (left ? tokens - row.length : 0);
            for (int i = 0; i < row.length; i++) {
                ids[start + i] = row[i];
                mask[start + i] = true;
            }
            padded |= row.length < tokens;
        }
        return new TokenBatch(rows, tokens, ids, padded ? mask : null);
    }

    /** Returns the number of sequences. */
    public int rows() {
        return rows;
    }

    /** Returns the number of tokens of each row, padding included. */
    public int tokens() {
        return tokens;
    }

    /** Returns the id at a place. */
    public int id(int row, int token) {
        return (int) ids[row * tokens + token];
    }

    /** Returns whether a place holds a token of the sequence and not padding. */
    public boolean isToken(int row, int token) {
        return mask == null || mask[row * tokens + token];
    }

    /** Returns the number of tokens without padding. */
    public int count() {
        if (mask == null) {
            return rows * tokens;
        }
        int count = 0;
        for (boolean real : mask) {
            count += real ? 1 : 0;
        }
        return count;
    }

    /** Returns whether a row has padding before its first token. */
    public boolean isLeftPadded() {
        for (int r = 0; r < rows; r++) {
            if (!isToken(r, 0)) {
                return true;
            }
        }
        return false;
    }

    /** Returns all ids in row-major order, as a copy. */
    public long[] ids() {
        return ids.clone();
    }

    /** Returns where tokens and not padding are, in row-major order, as a copy. */
    public boolean[] mask() {
        boolean[] copy = new boolean[ids.length];
        for (int i = 0; i < copy.length; i++) {
            copy[i] = mask == null || mask[i];
        }
        return copy;
    }

    /** Returns positions that count from 0 at the first token of each row; padding has 0. */
    public long[] positions() {
        long[] positions = new long[ids.length];
        for (int r = 0; r < rows; r++) {
            long next = 0;
            for (int t = 0; t < tokens; t++) {
                positions[r * tokens + t] = isToken(r, t) ? next++ : 0;
            }
        }
        return positions;
    }

    /** Returns the number of rows and tokens. */
    @Override
    public String toString() {
        return rows + " × " + tokens + " tokens";
    }
}
