package org.retain4j.merging.method;

import java.io.IOException;
import java.util.Arrays;

/** Sets some of the changes of a model to zero, going through a tensor once from its start. */
@FunctionalInterface
interface Trim {

    /** Trims the changes from element {@code at} on, where the call before ended. */
    void apply(long at, float[] changes, int count);

    /** Makes a trim for a model of a tensor; called again for every pass. */
    @FunctionalInterface
    interface Rule {
        /** Reads what it must and returns a trim that stands at the start. */
        Trim start(TensorMerge tensor, int model) throws IOException;
    }

    /** Keeps everything. */
    static Trim none() {
        return (at, changes, count) -> {};
    }

    /**
     * Keeps the changes whose magnitude has one of the ranks from {@code from} to {@code to},
     * counted from the smallest; of equal ones those that come first rank highest.
     */
    static Trim ranks(TensorMerge tensor, int model, long from, long to) throws IOException {
        long size = tensor.size();
        if (from >= to) {
            return (at, changes, count) -> Arrays.fill(changes, 0, count, 0);
        }
        if (from == 0 && to == size) {
            return none();
        }
        RankSelection.Ranked[] ends =
                RankSelection.find(
                        consumer ->
                                forEach(
                                        tensor,
                                        model,
                                        (at, changes, count) -> {
                                            for (int k = 0; k < count; k++) {
                                                changes[k] = Math.abs(changes[k]);
                                            }
                                            consumer.accept(changes, count);
                                        }),
                        from,
                        to - 1);
        return new RankTrim(ends[0], ends[1], from, to);
    }

    /** Runs over all changes of a model. */
    static void forEach(TensorMerge tensor, int model, Trim action) throws IOException {
        tensor.rows(
                (at, count) -> {
                    float[] base = tensor.buffer(0, count);
                    float[] changes = tensor.buffer(1, count);
                    tensor.base(at, base, count);
                    tensor.delta(model, at, changes, base, count);
                    action.apply(at, changes, count);
                });
    }
}
