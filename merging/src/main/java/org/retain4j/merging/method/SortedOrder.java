package org.retain4j.merging.method;

/**
 * Descending order of numbers where equal ones lie as the introsort of the C++ library of GNU
 * leaves them, which decides what mergekit keeps of equal magnitudes on a CPU.
 *
 * <p>Introsort: Musser, "Introspective sorting and selection algorithms", 1997. Quicksort with the
 * median of three, then insertion sort of what is left in runs of up to 16, and heap sort where the
 * recursion becomes too deep.
 */
final class SortedOrder {

    private static final int RUN = 16;

    private final float[] keys;
    private final int[] places;

    private SortedOrder(float[] keys) {
        this.keys = keys;
        this.places = new int[keys.length];
        for (int k = 0; k < keys.length; k++) {
            places[k] = k;
        }
    }

    /**
     * Returns the places of the keys, the largest first; the keys are sorted too. NaN is largest.
     */
    static int[] descending(float[] keys) {
        SortedOrder order = new SortedOrder(keys);
        int size = keys.length;
        if (size > 1) {
            order.quick(0, size, 2 * (31 - Integer.numberOfLeadingZeros(size)));
            order.insertion(0, Math.min(size, RUN));
            for (int k = RUN; k < size; k++) {
                order.insert(k);
            }
        }
        return order.places;
    }

    private static boolean before(float a, float b) {
        return a > b || (Float.isNaN(a) && !Float.isNaN(b));
    }

    private void quick(int first, int end, int depth) {
        int last = end;
        for (int left = depth; last - first > RUN; left--) {
            if (left == 0) {
                heap(first, last);
                return;
            }
            medianToFirst(first, first + 1, first + (last - first) / 2, last - 1);
            int cut = partition(first, last);
            quick(cut, last, left - 1);
            last = cut;
        }
    }

    private void medianToFirst(int first, int a, int b, int c) {
        boolean ab = before(keys[a], keys[b]);
        boolean bc = before(keys[b], keys[c]);
        boolean ac = before(keys[a], keys[c]);
        if (ab) {
            swap(first, bc ? b : ac ? c : a);
        } else {
            swap(first, ac ? a : bc ? c : b);
        }
    }

    private int partition(int first, int end) {
        float pivot = keys[first];
        int low = first + 1;
        int high = end;
        while (true) {
            while (before(keys[low], pivot)) {
                low++;
            }
            high--;
            while (before(pivot, keys[high])) {
                high--;
            }
            if (low >= high) {
                return low;
            }
            swap(low++, high);
        }
    }

    private void insertion(int first, int end) {
        for (int k = first + 1; k < end; k++) {
            if (before(keys[k], keys[first])) {
                float key = keys[k];
                int place = places[k];
                System.arraycopy(keys, first, keys, first + 1, k - first);
                System.arraycopy(places, first, places, first + 1, k - first);
                set(first, key, place);
            } else {
                insert(k);
            }
        }
    }

    /** Moves an entry down to where it belongs, which is not before the first. */
    private void insert(int from) {
        float key = keys[from];
        int place = places[from];
        int hole = from;
        while (before(key, keys[hole - 1])) {
            set(hole, keys[hole - 1], places[hole - 1]);
            hole--;
        }
        set(hole, key, place);
    }

    private void heap(int first, int end) {
        int size = end - first;
        for (int parent = (size - 2) / 2; parent >= 0; parent--) {
            sift(first, parent, size, keys[first + parent], places[first + parent]);
        }
        for (int last = end - 1; last > first; last--) {
            float key = keys[last];
            int place = places[last];
            set(last, keys[first], places[first]);
            sift(first, 0, last - first, key, place);
        }
    }

    private void sift(int first, int top, int size, float key, int place) {
        int hole = top;
        int child = top;
        while (child < (size - 1) / 2) {
            child = 2 * (child + 1);
            if (before(keys[first + child], keys[first + child - 1])) {
                child--;
            }
            set(first + hole, keys[first + child], places[first + child]);
            hole = child;
        }
        if ((size & 1) == 0 && child == (size - 2) / 2) {
            child = 2 * (child + 1) - 1;
            set(first + hole, keys[first + child], places[first + child]);
            hole = child;
        }
        while (hole > top && before(keys[first + (hole - 1) / 2], key)) {
            int parent = (hole - 1) / 2;
            set(first + hole, keys[first + parent], places[first + parent]);
            hole = parent;
        }
        set(first + hole, key, place);
    }

    private void set(int at, float key, int place) {
        keys[at] = key;
        places[at] = place;
    }

    private void swap(int a, int b) {
        float key = keys[a];
        int place = places[a];
        set(a, keys[b], places[b]);
        set(b, key, place);
    }
}
