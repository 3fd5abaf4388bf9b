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
    private final long @Nullable [] segments;

    private TokenBatch(
            int rows,
            int tokens,
            long[] ids,
            boolean @Nullable [] mask,
            long @Nullable [] segments) {
        this.rows = rows;
        this.tokens = tokens;
        this.ids = ids;
        this.mask = mask;
        this.segments = segments;
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

    /**
     * Creates a batch of rows that each hold several sequences one after another, filled up on the
     * right to the longest row.
     *
     * <p>A token sees only its own sequence, whose positions count from 0: the model computes for
     * it what it would compute for the sequence alone.
     *
     * @param starts for each row the index of the first token of each of its sequences, ascending
     *     from 0
     * @param padId id of the filling, any id of the vocabulary
     * @throws IllegalArgumentException if there is no row, one is empty, or starts do not ascend
     *     from 0 below the length of their row
     */
    public static TokenBatch packed(List<int[]> packedRows, List<int[]> starts, int padId) {
        TokenBatch plain = padded(packedRows, padId, false);
        if (starts.size() != plain.rows) {
            throw new IllegalArgumentException(
                    plain.rows + " rows need as many lists of starts, got " + starts.size());
        }
        if (starts.stream().allMatch(own -> own.length == 1 && own[0] == 0)) {
            return plain;
        }
        long[] segments = new long[plain.ids.length];
        Arrays.fill(segments, -1);
        for (int r = 0; r < plain.rows; r++) {
            int[] own = starts.get(r);
            int length = packedRows.get(r).length;
            for (int i = 0; i < own.length; i++) {
                int end = i + 1 < own.length ? own[i + 1] : length;
                if (own[i] < 0 || own[i] >= end || end > length || own[0] != 0) {
                    throw new IllegalArgumentException(
                            "sequences of row "
                                    + r
                                    + " start at "
                                    + Arrays.toString(own)
                                    + ", which does not ascend from 0 below its "
                                    + length
                                    + " tokens");
                }
                Arrays.fill(segments, r * plain.tokens + own[i], r * plain.tokens + end, i);
            }
            if (own.length == 0) {
                throw new IllegalArgumentException("row " + r + " has no sequence that starts");
            }
        }
        return new TokenBatch(plain.rows, plain.tokens, plain.ids, plain.mask, segments);
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
        return new TokenBatch(rows, tokens, ids, padded ? mask : null, null);
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

    /** Returns the number of tokens of a row without padding. */
    public int count(int row) {
        int count = 0;
        for (int t = 0; t < tokens; t++) {
            count += isToken(row, t) ? 1 : 0;
        }
        return count;
    }

    /** Returns the number of padding places before the first token of a row. */
    public int leftPadding(int row) {
        int count = 0;
        while (count < tokens && !isToken(row, count)) {
            count++;
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

    /** Returns whether a row holds several sequences that do not see each other. */
    public boolean isPacked() {
        return segments != null;
    }

    /**
     * Returns the number of the sequence that each place of a packed batch belongs to, within its
     * row and in row-major order, as a copy; -1 for padding, empty when the batch is not packed.
     */
    public long[] segments() {
        return segments == null ? new long[0] : segments.clone();
    }

    /**
     * Returns positions that count from 0 at the first token of each sequence; padding has 0, after
     * a packed row too.
     */
    public long[] positions() {
        long[] positions = new long[ids.length];
        for (int r = 0; r < rows; r++) {
            long next = 0;
            for (int t = 0; t < tokens; t++) {
                int at = r * tokens + t;
                if (segments != null && t > 0 && segments[at] != segments[at - 1]) {
                    next = 0;
                }
                positions[at] = isToken(r, t) ? next++ : 0;
            }
        }
        return positions;
    }

    /** Returns one more than the largest position: the places that the model must know. */
    int extent() {
        return segments == null ? tokens : (int) Arrays.stream(positions()).max().orElseThrow() + 1;
    }

    /** Returns the number of rows and tokens. */
    @Override
    public String toString() {
        return rows + " × " + tokens + " tokens";
    }
}
