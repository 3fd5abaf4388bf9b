package org.retain4j.replay.buffer;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.retain4j.core.tensor.Random;
import org.retain4j.core.tensor.Tensor;
import org.retain4j.finetune.StateDict;
import org.retain4j.finetune.Stateful;
import org.retain4j.finetune.StoredScores;
import org.retain4j.finetune.TrainRow;

/**
 * A bounded memory of rows, filled as a stream goes by.
 *
 * <p>Reservoir sampling gives every row a key, uniform in (0, 1) and a function of seed and number,
 * and keeps those with the largest (Vitter 1985, doi:10.1145/3147.3165; keys as in Efraimidis and
 * Spirakis 2006, doi:10.1016/j.ipl.2005.11.003): the buffer is a uniform sample of all rows so far,
 * and resizing or joining two buffers gives exactly the sample of both streams. Not safe for
 * concurrent use.
 */
public final class ReplayBuffer implements Stateful {

    /** Which rows stay when the buffer is full. */
    public enum Policy {
        /** A uniform sample of all rows. */
        RESERVOIR,
        /** The newest rows. */
        RING,
        /** A uniform sample of each task, all tasks with the same number of rows. */
        TASK_BALANCED,
        /** A uniform sample of each task, all tasks with about the same number of tokens. */
        TOKEN_BALANCED
    }

    private record Item(TrainRow row, int task, double key, long number) {}

    private final Policy policy;
    private int capacity;
    private final long seed;
    private final List<Item> items = new ArrayList<>();
    private long seen;

    /**
     * Creates an empty buffer.
     *
     * @param capacity most rows, for {@link Policy#TOKEN_BALANCED} most tokens; 1 or more
     * @param seed seed of the keys
     */
    public ReplayBuffer(Policy policy, int capacity, long seed) {
        if (capacity < 1) {
            throw new IllegalArgumentException("a buffer needs room for a row, not " + capacity);
        }
        this.policy = policy;
        this.capacity = capacity;
        this.seed = seed;
    }

    /**
     * Offers a row.
     *
     * @param task number of the task it is of, 0 or more
     */
    public void add(TrainRow row, int task) {
        double key = policy == Policy.RING ? seen : Random.at(seed, seen, "reservoir").nextDouble();
        items.add(new Item(row, task, key, seen++));
        shrink();
    }

    /** Joins the rows of another buffer, whose seed must be another, into this one. */
    public void merge(ReplayBuffer other) {
        if (other.seed == seed || other.policy != policy) {
            throw new IllegalArgumentException(
                    "buffers join when they have the same policy and different seeds");
        }
        items.addAll(other.items);
        seen += other.seen;
        shrink();
    }

    /** Changes the capacity; the rows that stay are those of a buffer that always had it. */
    public void resize(int value) {
        if (value < 1) {
            throw new IllegalArgumentException("a buffer needs room for a row, not " + value);
        }
        capacity = value;
        shrink();
    }

    private void shrink() {
        switch (policy) {
            case RESERVOIR, RING -> {
                while (items.size() > capacity) {
                    items.remove(least(items));
                }
            }
            case TASK_BALANCED -> {
                while (items.size() > capacity) {
                    items.remove(least(largestTask(item -> 1)));
                }
            }
            case TOKEN_BALANCED -> {
                while (items.size() > 1 && tokens(items) > capacity) {
                    items.remove(least(largestTask(item -> item.row().ids().length)));
                }
            }
        }
    }

    private interface Size {
        long of(Item item);
    }

    private static long tokens(List<Item> of) {
        return of.stream().mapToLong(item -> item.row().ids().length).sum();
    }

    private static Item least(List<Item> of) {
        return of.stream()
                .min(Comparator.comparingDouble(Item::key).thenComparingLong(Item::number))
                .orElseThrow();
    }

    /** Returns the items of the task with most; of several the newest task gives way. */
    private List<Item> largestTask(Size size) {
        Map<Integer, Long> sizes = new TreeMap<>();
        items.forEach(item -> sizes.merge(item.task(), size.of(item), Long::sum));
        int largest =
                sizes.entrySet().stream()
                        .max(
                                Map.Entry.<Integer, Long>comparingByValue()
                                        .thenComparing(Map.Entry.comparingByKey()))
                        .orElseThrow()
                        .getKey();
        return items.stream().filter(item -> item.task() == largest).toList();
    }

    /** Returns the number of rows. */
    public int size() {
        return items.size();
    }

    /** Returns how many rows were offered. */
    public long seen() {
        return seen;
    }

    /** Returns the rows, the oldest first. */
    public List<TrainRow> rows() {
        return items.stream()
                .sorted(Comparator.comparingLong(Item::number))
                .map(Item::row)
                .toList();
    }

    /** Returns the rows of a task, the oldest first. */
    public List<TrainRow> rows(int task) {
        return items.stream()
                .filter(item -> item.task() == task)
                .sorted(Comparator.comparingLong(Item::number))
                .map(Item::row)
                .toList();
    }

    /** Returns the number of rows of each task. */
    public Map<Integer, Integer> tasks() {
        Map<Integer, Integer> tasks = new TreeMap<>();
        items.forEach(item -> tasks.merge(item.task(), 1, Integer::sum));
        return tasks;
    }

    /**
     * Draws rows uniformly, none twice unless there are too few.
     *
     * @param random where the choice comes from
     */
    public List<TrainRow> draw(int count, Random random) {
        List<TrainRow> drawn = new ArrayList<>();
        List<Item> left = new ArrayList<>();
        while (drawn.size() < count && !items.isEmpty()) {
            if (left.isEmpty()) {
                left.addAll(items);
            }
            drawn.add(left.remove((int) (random.nextDouble() * left.size())).row());
        }
        return drawn;
    }

    @Override
    public StateDict save() {
        Map<String, Tensor> tensors = new LinkedHashMap<>();
        for (int i = 0; i < items.size(); i++) {
            Item item = items.get(i);
            TrainRow row = item.row();
            String at = i + ".";
            tensors.put(at + "ids", longs(row.ids()));
            tensors.put(at + "weights", Tensor.of(row.weights(), row.weights().length));
            tensors.put(at + "starts", longs(row.starts()));
            tensors.put(at + "key", Tensor.of(new double[] {item.key()}, 1));
            tensors.put(
                    at + "about",
                    Tensor.of(new long[] {item.task(), item.number(), row.replayed() ? 1 : 0}, 3));
            StoredScores stored = row.stored();
            if (stored != null) {
                tensors.put(at + "top", longs(stored.ids()));
                tensors.put(at + "log_probs", Tensor.of(stored.logProbs(), stored.ids().length));
                tensors.put(at + "tails", Tensor.of(stored.tails(), stored.positions()));
                tensors.put(at + "places", Tensor.of(stored.places(), stored.positions()));
                tensors.put(at + "strength", Tensor.of(new double[] {stored.strength()}, 1));
                tensors.put(
                        at + "loss",
                        Tensor.of(new long[] {stored.k(), stored.loss().ordinal()}, 2));
            }
        }
        return new StateDict(
                tensors,
                Map.of("rows", (long) items.size(), "seen", seen, "capacity", (long) capacity));
    }

    private static Tensor longs(int[] values) {
        long[] wide = new long[values.length];
        for (int i = 0; i < values.length; i++) {
            wide[i] = values[i];
        }
        return Tensor.of(wide, values.length);
    }

    private static int[] ints(Tensor tensor) {
        long[] wide = tensor.toLongArray();
        int[] values = new int[wide.length];
        for (int i = 0; i < values.length; i++) {
            values[i] = Math.toIntExact(wide[i]);
        }
        return values;
    }

    @Override
    public void load(StateDict state) {
        items.clear();
        seen = state.number("seen");
        capacity = Math.toIntExact(state.number("capacity"));
        for (long i = 0; i < state.number("rows"); i++) {
            String at = i + ".";
            long[] about = state.tensor(at + "about").toLongArray();
            TrainRow row =
                    new TrainRow(
                            ints(state.tensor(at + "ids")),
                            state.tensor(at + "weights").toFloatArray(),
                            about[2] == 1,
                            ints(state.tensor(at + "starts")));
            if (state.tensors().containsKey(at + "top")) {
                long[] loss = state.tensor(at + "loss").toLongArray();
                row =
                        row.near(
                                new StoredScores(
                                        Math.toIntExact(loss[0]),
                                        ints(state.tensor(at + "top")),
                                        state.tensor(at + "log_probs").toFloatArray(),
                                        state.tensor(at + "tails").toFloatArray(),
                                        state.tensor(at + "places").toFloatArray(),
                                        state.tensor(at + "strength").toDoubleArray()[0],
                                        StoredScores.Loss.values()[Math.toIntExact(loss[1])]));
            }
            double key = state.tensor(at + "key").toDoubleArray()[0];
            items.add(new Item(row, Math.toIntExact(about[0]), key, about[1]));
        }
    }

    /** Returns name and settings. */
    @Override
    public String toString() {
        return "ReplayBuffer[policy=" + policy + ", seed=" + seed + "]";
    }
}
