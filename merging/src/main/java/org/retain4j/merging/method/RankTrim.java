package org.retain4j.merging.method;

/** Keeps magnitudes between two, and of those equal to an end as many as belong to the ranks. */
final class RankTrim implements Trim {

    private final float low;
    private final float high;
    private final long lowKept;
    private final long highDropped;
    private final boolean splitsEqual;
    private long lowSeen;
    private long highSeen;

    RankTrim(RankSelection.Ranked low, RankSelection.Ranked high, long from, long to) {
        this.low = low.value();
        this.high = high.value();
        this.lowKept = low.less() + low.equal() - from;
        this.highDropped = high.less() + high.equal() - to;
        this.splitsEqual = lowKept < low.equal() || highDropped > 0;
    }

    /** Returns whether of some equal magnitudes only a part is kept. */
    boolean splitsEqual() {
        return splitsEqual;
    }

    @Override
    public void apply(long at, float[] changes, int count) {
        for (int k = 0; k < count; k++) {
            float size = Math.abs(changes[k]);
            boolean drop = size < low || size > high;
            if (size == low) {
                drop |= lowSeen++ >= lowKept;
            }
            if (size == high) {
                drop |= highSeen++ < highDropped;
            }
            if (drop) {
                changes[k] = 0;
            }
        }
    }
}
