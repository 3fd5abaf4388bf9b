package org.retain4j.merging.method;

/** Keeps magnitudes between two, and of those equal to an end as many as belong to the ranks. */
final class RankTrim implements Trim {

    private static final int INFINITE = 0x7f800000;

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
        int least = Float.floatToIntBits(low);
        int most = Float.floatToIntBits(high);
        for (int k = 0; k < count; k++) {
            int bits = Float.floatToRawIntBits(changes[k]);
            int size = bits & 0x7fffffff;
            if (size == least || size == most || size > INFINITE) {
                changes[k] = end(changes[k]);
            } else {
                // A branch for every element would be mispredicted for many.
                int kept = (least - size & size - most) >> 31;
                changes[k] = Float.intBitsToFloat(bits & kept);
            }
        }
    }

    /** Decides on a magnitude at one of the ends; what is no number stays visible. */
    private float end(float change) {
        float size = Math.abs(change);
        boolean drop = size < low || size > high;
        if (size == low) {
            drop |= lowSeen++ >= lowKept;
        }
        if (size == high) {
            drop |= highSeen++ < highDropped;
        }
        return drop ? 0 : change;
    }
}
