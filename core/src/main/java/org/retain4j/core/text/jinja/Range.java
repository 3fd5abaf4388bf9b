package org.retain4j.core.text.jinja;

import java.util.AbstractList;

/** A Python range of at most 100 000 numbers, the limit of Jinja's sandbox. */
final class Range extends AbstractList<Object> {

    static final int MAX_SIZE = 100_000;

    private final long start;
    private final long stop;
    private final long step;
    private final int size;

    Range(long start, long stop, long step) {
        if (step == 0) {
            throw new Failure("range() arg 3 must not be zero");
        }
        this.start = start;
        this.stop = stop;
        this.step = step;
        double count = Math.ceil(((double) stop - (double) start) / step);
        if (count > MAX_SIZE) {
            throw new Failure("a range may have at most " + MAX_SIZE + " numbers");
        }
        this.size = (int) Math.max(0, count);
    }

    @Override
    public Object get(int index) {
        return start + index * step;
    }

    @Override
    public int size() {
        return size;
    }

    String describe() {
        return "range(" + start + ", " + stop + (step == 1 ? ")" : ", " + step + ")");
    }
}
