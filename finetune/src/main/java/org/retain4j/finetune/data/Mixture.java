package org.retain4j.finetune.data;

import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.retain4j.core.tensor.Tensor;
import org.retain4j.finetune.BatchSource;
import org.retain4j.finetune.StateDict;
import org.retain4j.finetune.TrainRow;

/**
 * Several sources interleaved by weight.
 *
 * <p>Which source gives a row is a function of its number alone: the first source takes its share
 * of the rows as evenly as whole numbers allow, the second its share of the rest, and so on. So of
 * any first n rows each source gives its share of n to within the number of sources, and a run that
 * is resumed anywhere goes on exactly. Each source is asked for its own rows in order, none left
 * out. As safe for threads as the sources are.
 */
public final class Mixture implements BatchSource {

    /** Shares are whole multiples of one over this, so that counts are exact for any row. */
    private static final long UNIT = 1L << 30;

    private final List<BatchSource> sources;
    private final double[] weights;
    private final long[] shares;

    private Mixture(List<BatchSource> sources, double[] weights, long[] shares) {
        this.sources = sources;
        this.weights = weights;
        this.shares = shares;
    }

    /**
     * Mixes sources.
     *
     * @param sources at least one
     * @param weights how much of each, positive, of any sum
     * @throws IllegalArgumentException if the numbers differ, or a weight is not positive and
     *     finite or so small beside the others that its source would never be asked
     */
    public static Mixture of(List<? extends BatchSource> sources, List<Double> weights) {
        if (sources.isEmpty() || sources.size() != weights.size()) {
            throw new IllegalArgumentException(
                    "there are "
                            + sources.size()
                            + " sources but "
                            + weights.size()
                            + " weights; give one weight to each of at least one source");
        }
        double sum = 0;
        for (double weight : weights) {
            if (!(weight > 0) || Double.isInfinite(weight)) {
                throw new IllegalArgumentException(
                        "a weight of a mixture is " + weight + ", expected a positive number");
            }
            sum += weight;
        }
        double[] normalised = new double[weights.size()];
        long[] shares = new long[weights.size()];
        double rest = sum;
        for (int i = 0; i < shares.length; i++) {
            boolean isLast = i == shares.length - 1;
            normalised[i] = weights.get(i) / sum;
            shares[i] = isLast ? UNIT : Math.round(UNIT * (weights.get(i) / rest));
            rest -= weights.get(i);
            if (shares[i] == 0 || (shares[i] == UNIT && !isLast)) {
                throw new IllegalArgumentException(
                        "the weights " + weights + " differ too much; leave the smallest out");
            }
        }
        return new Mixture(List.copyOf(sources), normalised, shares);
    }

    /** Returns the weights, which sum to 1. */
    public double[] weights() {
        return weights.clone();
    }

    /** Returns how many of the first rows each source gives. */
    public long[] counts(long rows) {
        long[] counts = new long[shares.length];
        long rest = rows;
        for (int i = 0; i < shares.length; i++) {
            counts[i] = taken(rest, shares[i]);
            rest -= counts[i];
        }
        return counts;
    }

    /** Returns rows times share over UNIT, rounded, without overflow. */
    private static long taken(long rows, long share) {
        return rows / UNIT * share + (rows % UNIT * share + UNIT / 2) / UNIT;
    }

    /** Returns which source gives a row. */
    public int sourceOf(long row) {
        long rest = row;
        for (int i = 0; i < shares.length; i++) {
            long before = taken(rest, shares[i]);
            if (taken(rest + 1, shares[i]) > before) {
                return i;
            }
            rest -= before;
        }
        throw new IllegalStateException("the last source takes every row that is left");
    }

    @Override
    public List<TrainRow> rows(long firstRow, int count) {
        List<List<Integer>> places = new ArrayList<>();
        sources.forEach(source -> places.add(new ArrayList<>()));
        for (int i = 0; i < count; i++) {
            places.get(sourceOf(firstRow + i)).add(i);
        }
        long[] first = counts(firstRow);
        List<TrainRow> rows = new ArrayList<>(Collections.nCopies(count, TrainRow.of(0, 0)));
        for (int s = 0; s < sources.size(); s++) {
            List<Integer> own = places.get(s);
            if (!own.isEmpty()) {
                List<TrainRow> drawn = sources.get(s).rows(first[s], own.size());
                for (int i = 0; i < own.size(); i++) {
                    rows.set(own.get(i), drawn.get(i));
                }
            }
        }
        return rows;
    }

    @Override
    public StateDict save() {
        Map<String, Tensor> tensors = new LinkedHashMap<>();
        Map<String, Long> numbers = new LinkedHashMap<>();
        for (int s = 0; s < sources.size(); s++) {
            String prefix = s + ".";
            StateDict state = sources.get(s).save();
            state.tensors().forEach((name, value) -> tensors.put(prefix + name, value));
            state.numbers().forEach((name, value) -> numbers.put(prefix + name, value));
        }
        return new StateDict(tensors, numbers);
    }

    @Override
    public void load(StateDict state) {
        for (int s = 0; s < sources.size(); s++) {
            String prefix = s + ".";
            Map<String, Tensor> tensors = new LinkedHashMap<>();
            Map<String, Long> numbers = new LinkedHashMap<>();
            state.tensors()
                    .forEach(
                            (name, value) -> {
                                if (name.startsWith(prefix)) {
                                    tensors.put(name.substring(prefix.length()), value);
                                }
                            });
            state.numbers()
                    .forEach(
                            (name, value) -> {
                                if (name.startsWith(prefix)) {
                                    numbers.put(name.substring(prefix.length()), value);
                                }
                            });
            sources.get(s).load(new StateDict(tensors, numbers));
        }
    }
}
