package org.retain4j.evaluation.tasks;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.retain4j.evaluation.statistics.PythonRandom;

/**
 * Chooses the examples that stand before a question, as the harness does: by one generator for a
 * whole task that goes on from item to item, so that items must be asked in order.
 *
 * <p>For one thread.
 */
final class FewShot {

    /** The harness's seed of few-shot examples. */
    static final long SEED = 1234;

    private final Task task;
    private final List<Item> pool;
    private final int shots;
    private final boolean fromItself;
    private final Map<String, PythonRandom> random = new LinkedHashMap<>();
    private final long seed;

    /**
     * Creates a sampler.
     *
     * @param pool where examples come from
     * @param fromItself whether that is the evaluated split, of which one more is drawn, so that
     *     the item itself can be left out
     */
    FewShot(Task task, List<Item> pool, int shots, boolean fromItself, long seed) {
        this.task = task;
        this.pool = pool;
        this.shots = shots;
        this.fromItself = fromItself;
        this.seed = seed;
    }

    /** Returns the examples for the next item. */
    List<Item> examples(Item item) throws TaskException {
        if (shots == 0) {
            return List.of();
        }
        List<Item> from = poolOf(item);
        int drawn = shots + (fromItself ? 1 : 0);
        if (drawn > from.size()) {
            throw new TaskException(
                    "%s needs %d examples for a prompt%s, but there are %d; give more or ask for fewer"
                            .formatted(
                                    task.name(),
                                    drawn,
                                    task.isGrouped() ? " of " + item.group() : "",
                                    from.size()));
        }
        List<Item> chosen = new ArrayList<>();
        if (task.firstShots()) {
            chosen.addAll(from.subList(0, drawn));
        } else {
            PythonRandom generator =
                    random.computeIfAbsent(
                            task.isGrouped() ? item.group() : "", g -> new PythonRandom(seed));
            for (int index : generator.sample(from.size(), drawn)) {
                chosen.add(from.get(index));
            }
        }
        chosen.removeIf(item::equals);
        return chosen.subList(0, Math.min(shots, chosen.size()));
    }

    private List<Item> poolOf(Item item) {
        if (!task.fixedShots().isEmpty()) {
            return task.fixedShots();
        }
        if (!task.isGrouped()) {
            return pool;
        }
        return pool.stream().filter(other -> other.group().equals(item.group())).toList();
    }
}
