package org.retain4j.finetune.data;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.IntUnaryOperator;

/**
 * Which examples share a row; none is cut.
 *
 * <p>The bins of all examples lie behind each other in one array.
 *
 * @param items examples, bin after bin
 * @param starts where each bin begins in the items, and the end of the last one
 */
record Packing(int[] items, int[] starts) {

    /** Examples that are packed together; larger windows fill rows better. */
    private static final int WINDOW = 1 << 16;

    int bins() {
        return starts.length - 1;
    }

    int[] bin(int bin) {
        return Arrays.copyOfRange(items, starts[bin], starts[bin + 1]);
    }

    /** Fills rows in the given order; a row is closed by the first example that does not fit. */
    static Packing inOrder(int[] order, IntUnaryOperator length, int capacity) {
        List<Integer> starts = new ArrayList<>();
        int used = capacity;
        for (int i = 0; i < order.length; i++) {
            int need = length.applyAsInt(order[i]);
            if (need > capacity - used) {
                starts.add(i);
                used = 0;
            }
            used += need;
        }
        starts.add(order.length);
        return new Packing(order.clone(), starts.stream().mapToInt(Integer::intValue).toArray());
    }

    /**
     * Packs by best fit decreasing: in windows of the given order, the longest example first, each
     * into the row that it fills most. At most 11/9 of the fewest possible rows of a window
     * (Johnson et al. 1974, doi:10.1137/0203025).
     */
    static Packing bestFit(int[] order, IntUnaryOperator length, int capacity) {
        List<List<Integer>> bins = new ArrayList<>();
        for (int from = 0; from < order.length; from += WINDOW) {
            int to = Math.min(order.length, from + WINDOW);
            bins.addAll(window(Arrays.copyOfRange(order, from, to), length, capacity));
        }
        int[] items = new int[order.length];
        int[] starts = new int[bins.size() + 1];
        int at = 0;
        for (int bin = 0; bin < bins.size(); bin++) {
            for (int item : bins.get(bin)) {
                items[at++] = item;
            }
            starts[bin + 1] = at;
        }
        return new Packing(items, starts);
    }

    private static List<List<Integer>> window(int[] order, IntUnaryOperator length, int capacity) {
        // a stable sort: equal lengths stay in the order of the seed
        Integer[] sorted = Arrays.stream(order).boxed().toArray(Integer[]::new);
        Arrays.sort(sorted, Comparator.comparingInt(item -> -length.applyAsInt(item)));
        List<List<Integer>> bins = new ArrayList<>();
        TreeMap<Integer, Deque<List<Integer>>> open = new TreeMap<>();
        for (int item : sorted) {
            int need = length.applyAsInt(item);
            Map.Entry<Integer, Deque<List<Integer>>> fit = open.ceilingEntry(need);
            List<Integer> bin;
            int room;
            if (fit == null) {
                bin = new ArrayList<>();
                bins.add(bin);
                room = capacity;
            } else {
                bin = fit.getValue().removeFirst();
                room = fit.getKey();
                if (fit.getValue().isEmpty()) {
                    open.remove(room);
                }
            }
            bin.add(item);
            open.computeIfAbsent(room - need, r -> new ArrayDeque<>()).addLast(bin);
        }
        return bins;
    }
}
