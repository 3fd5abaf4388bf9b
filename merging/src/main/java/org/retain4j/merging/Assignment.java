package org.retain4j.merging;

import java.util.Arrays;

/**
 * The linear assignment problem by shortest augmenting paths: Jonker and Volgenant, "A shortest
 * augmenting path algorithm for dense and sparse linear assignment problems", 1987, as in Crouse,
 * "On implementing 2D rectangular assignment algorithms", 2016.
 */
final class Assignment {

    private Assignment() {}

    /**
     * Returns the column of each row so that the sum of the gains is largest; of equally good ones
     * always the same.
     *
     * @param gain square, finite, row after row
     */
    static int[] maximize(float[] gain, int n) {
        double[] rowPrice = new double[n];
        double[] columnPrice = new double[n];
        int[] columnOf = new int[n];
        int[] rowOf = new int[n];
        Arrays.fill(columnOf, -1);
        Arrays.fill(rowOf, -1);
        start(gain, n, rowPrice, columnPrice, columnOf, rowOf);
        double[] shortest = new double[n];
        int[] before = new int[n];
        boolean[] reached = new boolean[n];
        for (int free = 0; free < n; free++) {
            if (columnOf[free] >= 0) {
                continue;
            }
            Arrays.fill(shortest, Double.POSITIVE_INFINITY);
            Arrays.fill(reached, false);
            int row = free;
            int sink = -1;
            double length = 0;
            while (sink < 0) {
                int next = -1;
                double least = Double.POSITIVE_INFINITY;
                for (int c = 0; c < n; c++) {
                    if (reached[c]) {
                        continue;
                    }
                    double there = length - gain[row * n + c] - rowPrice[row] - columnPrice[c];
                    if (there < shortest[c]) {
                        shortest[c] = there;
                        before[c] = row;
                    }
                    if (shortest[c] < least || (shortest[c] == least && rowOf[c] < 0)) {
                        least = shortest[c];
                        next = c;
                    }
                }
                length = least;
                reached[next] = true;
                if (rowOf[next] < 0) {
                    sink = next;
                } else {
                    row = rowOf[next];
                }
            }
            rowPrice[free] += length;
            for (int c = 0; c < n; c++) {
                if (reached[c] && c != sink) {
                    rowPrice[rowOf[c]] += length - shortest[c];
                    columnPrice[c] -= length - shortest[c];
                }
            }
            int column = sink;
            while (column >= 0) {
                int from = before[column];
                rowOf[column] = from;
                int displaced = columnOf[from];
                columnOf[from] = column;
                column = from == free ? -1 : displaced;
            }
        }
        return columnOf;
    }

    /** Gives rows their best column where no other row wants it. */
    private static void start(
            float[] gain,
            int n,
            double[] rowPrice,
            double[] columnPrice,
            int[] columnOf,
            int[] rowOf) {
        for (int c = 0; c < n; c++) {
            double best = Double.NEGATIVE_INFINITY;
            for (int r = 0; r < n; r++) {
                best = Math.max(best, gain[r * n + c]);
            }
            columnPrice[c] = -best;
        }
        for (int r = 0; r < n; r++) {
            int best = 0;
            double least = Double.POSITIVE_INFINITY;
            for (int c = 0; c < n; c++) {
                double cost = -gain[r * n + c] - columnPrice[c];
                if (cost < least) {
                    least = cost;
                    best = c;
                }
            }
            rowPrice[r] = least;
            if (rowOf[best] < 0) {
                rowOf[best] = r;
                columnOf[r] = best;
            }
        }
    }
}
