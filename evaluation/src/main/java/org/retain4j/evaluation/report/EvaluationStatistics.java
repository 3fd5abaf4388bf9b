package org.retain4j.evaluation.report;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.retain4j.evaluation.statistics.DetectableEffect;
import org.retain4j.evaluation.statistics.Dominance;
import org.retain4j.evaluation.statistics.Estimate;
import org.retain4j.evaluation.statistics.Holm;
import org.retain4j.evaluation.statistics.McNemar;
import org.retain4j.evaluation.statistics.StratifiedBootstrap;
import org.retain4j.evaluation.statistics.StratifiedBootstrap.Difference;
import org.retain4j.evaluation.statistics.StratifiedBootstrap.Table;
import org.retain4j.evaluation.statistics.Wilson;

/**
 * The numbers of a report: scores with intervals, paired changes, and which method dominates which.
 *
 * <p>Methods are compared on the items that all of them answered, seed by seed where they share
 * seeds; a reference with one run stands for every seed. Not safe for concurrent use.
 */
final class EvaluationStatistics {

    /** Adjusted p-values below this are called a change. */
    static final double SIGNIFICANT = 0.05;

    /** Level of each of two intervals that hold together with 95 % at least (Bonferroni). */
    private static final double JOINT = 0.975;

    private static final StratifiedBootstrap BOOTSTRAP = StratifiedBootstrap.seeded(20_000);

    private final EvaluationSummary summary;
    private final Map<String, List<String>> shared = new HashMap<>();
    private final Map<String, Map<String, Change>> changes = new LinkedHashMap<>();

    /**
     * How a score differs from that of the reference.
     *
     * @param difference score minus score of the reference, on the items of both
     * @param pValue two-sided p-value: exact McNemar for one run of right and wrong, else bootstrap
     * @param adjusted the same after Holm's adjustment for all changes of the report
     * @param flips answers that changed, where both are one run of right and wrong
     * @param detectable smallest change that so many items would show; NaN where not known
     * @param items how many items both answered
     * @param better whether the change, if it is one, is for the better
     */
    record Change(
            Estimate difference,
            double pValue,
            double adjusted,
            @Nullable McNemar flips,
            double detectable,
            int items,
            boolean better) {
        boolean isSignificant() {
            return adjusted < SIGNIFICANT;
        }
    }

    /**
     * Two methods of which one is better in what was learned and in what was kept.
     *
     * @param better title of the better one
     * @param worse title of the other
     */
    record Dominated(String better, String worse) {}

    EvaluationStatistics(EvaluationSummary summary) {
        this.summary = summary;
        compare();
    }

    /** Returns the scores of all methods, in the order in which they are met. */
    List<String> keys() {
        Set<String> keys = new LinkedHashSet<>();
        summary.methods()
                .forEach(method -> method.runs().get(0).scores().forEach(s -> keys.add(s.key())));
        return List.copyOf(keys);
    }

    /** Returns a score of the first run of a method. */
    static Optional<TaskScores> scores(EvaluatedMethod method, String key) {
        return find(method.runs().get(0), key);
    }

    private static Optional<TaskScores> find(EvaluatedRun run, String key) {
        return run.scores().stream().filter(scores -> scores.key().equals(key)).findFirst();
    }

    /** Returns a score with its interval: Wilson's for one run of right and wrong. */
    Optional<Estimate> value(EvaluatedMethod method, String key) {
        Optional<TaskScores> first = scores(method, key);
        if (first.isEmpty()) {
            return Optional.empty();
        }
        TaskScores one = first.get();
        if (method.runs().size() == 1 && one.isRate()) {
            long right = one.items().stream().filter(item -> item.score() == 1).count();
            return Optional.of(Wilson.interval(right, one.items().size()));
        }
        List<String> ids = common(List.of(method), key);
        if (ids.isEmpty()) {
            return Optional.empty();
        }
        return Optional.of(BOOTSTRAP.mean(List.of(table(method.runs(), key, ids, 1))));
    }

    /** Returns the change of a score, if the method and the reference share items. */
    Optional<Change> change(EvaluatedMethod method, String key) {
        return Optional.ofNullable(changes.getOrDefault(method.title(), Map.of()).get(key));
    }

    /** Returns all changes of a method by score. */
    Map<String, Change> changes(EvaluatedMethod method) {
        return changes.getOrDefault(method.title(), Map.of());
    }

    private void compare() {
        EvaluatedMethod reference = summary.methods().get(0);
        List<Change> raw = new ArrayList<>();
        List<String[]> places = new ArrayList<>();
        for (EvaluatedMethod method : summary.others()) {
            for (String key : keys()) {
                Change change = change(reference, method, key);
                if (change != null) {
                    raw.add(change);
                    places.add(new String[] {method.title(), key});
                }
            }
        }
        double[] adjusted = Holm.adjust(raw.stream().mapToDouble(Change::pValue).toArray());
        for (int i = 0; i < adjusted.length; i++) {
            Change c = raw.get(i);
            changes.computeIfAbsent(places.get(i)[0], title -> new LinkedHashMap<>())
                    .put(
                            places.get(i)[1],
                            new Change(
                                    c.difference(),
                                    c.pValue(),
                                    adjusted[i],
                                    c.flips(),
                                    c.detectable(),
                                    c.items(),
                                    c.better()));
        }
    }

    private @Nullable Change change(EvaluatedMethod reference, EvaluatedMethod method, String key) {
        List<String> ids = shared(key);
        if (ids.isEmpty() || scores(reference, key).isEmpty() || scores(method, key).isEmpty()) {
            return null;
        }
        TaskScores kind = scores(method, key).orElseThrow();
        Difference difference = difference(method, reference, List.of(key), false);
        McNemar flips = null;
        double detectable = Double.NaN;
        double p = difference.pValue();
        boolean isPair = method.runs().size() == 1 && reference.runs().size() == 1;
        if (isPair && kind.isRate() && scores(reference, key).orElseThrow().isRate()) {
            flips = McNemar.of(right(reference, key, ids), right(method, key, ids));
            p = flips.pValue();
            double changed = (double) (flips.better() + flips.worse()) / ids.size();
            detectable = changed > 0 ? DetectableEffect.paired(ids.size(), changed) : Double.NaN;
        }
        boolean better = difference.estimate().value() > 0 == kind.higherIsBetter();
        return new Change(difference.estimate(), p, p, flips, detectable, ids.size(), better);
    }

    private static boolean[] right(EvaluatedMethod method, String key, List<String> ids) {
        Map<String, ItemScore> byId = byId(method.runs().get(0), key);
        boolean[] right = new boolean[ids.size()];
        for (int i = 0; i < right.length; i++) {
            right[i] = Objects.requireNonNull(byId.get(ids.get(i))).score() == 1;
        }
        return right;
    }

    /** Returns the items of a score that all methods with that score have. */
    List<String> shared(String key) {
        return shared.computeIfAbsent(
                key,
                k ->
                        common(
                                summary.methods().stream()
                                        .filter(method -> scores(method, k).isPresent())
                                        .toList(),
                                k));
    }

    private static List<String> common(List<EvaluatedMethod> methods, String key) {
        List<EvaluatedRun> runs = methods.stream().flatMap(m -> m.runs().stream()).toList();
        Set<String> ids = new LinkedHashSet<>(byId(runs.get(0), key).keySet());
        runs.forEach(run -> ids.retainAll(byId(run, key).keySet()));
        return List.copyOf(ids);
    }

    private static Map<String, ItemScore> byId(EvaluatedRun run, String key) {
        return find(run, key).orElseThrow().items().stream()
                .collect(
                        Collectors.toMap(
                                ItemScore::id, item -> item, (a, b) -> a, LinkedHashMap::new));
    }

    private static Table table(
            List<EvaluatedRun> runs, String key, List<String> ids, double scale) {
        double[][] scores = new double[runs.size()][ids.size()];
        double[] weights = new double[ids.size()];
        for (int r = 0; r < scores.length; r++) {
            Map<String, ItemScore> byId = byId(runs.get(r), key);
            for (int i = 0; i < weights.length; i++) {
                ItemScore item = Objects.requireNonNull(byId.get(ids.get(i)));
                scores[r][i] = item.score();
                weights[i] = item.weight();
            }
        }
        return new Table(scores, weights, scale);
    }

    private static Table averaged(Table table) {
        double[] mean = new double[table.weights().length];
        for (double[] row : table.scores()) {
            for (int i = 0; i < mean.length; i++) {
                mean[i] += row[i] / table.scores().length;
            }
        }
        return new Table(new double[][] {mean}, table.weights(), table.scale());
    }

    /**
     * Compares two methods on the mean of some scores.
     *
     * @param signed whether scores of which less is better count negatively
     */
    private Difference difference(
            EvaluatedMethod method, EvaluatedMethod other, List<String> keys, boolean signed) {
        List<EvaluatedRun> own = method.runs();
        List<EvaluatedRun> theirs = other.runs();
        boolean average = false;
        if (theirs.size() > 1) {
            List<Long> seeds = seeds(own);
            seeds.retainAll(seeds(theirs));
            average = seeds.isEmpty() || own.size() == 1;
            if (!average) {
                own = withSeeds(own, seeds);
                theirs = withSeeds(theirs, seeds);
            }
        }
        List<Table> left = new ArrayList<>();
        List<Table> right = new ArrayList<>();
        for (String key : keys) {
            double scale = signed ? sign(key) : 1;
            Table a = table(own, key, shared(key), scale);
            Table b = table(theirs, key, shared(key), scale);
            left.add(average ? averaged(a) : a);
            right.add(average ? averaged(b) : b);
        }
        return BOOTSTRAP.difference(left, right);
    }

    private static List<Long> seeds(List<EvaluatedRun> runs) {
        return runs.stream()
                .map(EvaluatedRun::seed)
                .collect(Collectors.toCollection(ArrayList::new));
    }

    private static List<EvaluatedRun> withSeeds(List<EvaluatedRun> runs, List<Long> seeds) {
        return seeds.stream()
                .map(
                        seed ->
                                runs.stream()
                                        .filter(run -> run.seed() == seed)
                                        .findFirst()
                                        .orElseThrow())
                .toList();
    }

    /** Returns 1 for a score of which more is better, else -1. */
    double sign(String key) {
        return summary.methods().stream()
                        .flatMap(method -> scores(method, key).stream())
                        .allMatch(TaskScores::higherIsBetter)
                ? 1
                : -1;
    }

    /** Returns the first score of each task. */
    List<String> keysOf(List<String> tasks) {
        List<TaskScores> all = summary.methods().get(0).runs().get(0).scores();
        return tasks.stream()
                .map(
                        task ->
                                all.stream()
                                        .filter(score -> score.task().equals(task))
                                        .findFirst()
                                        .orElseThrow()
                                        .key())
                .toList();
    }

    /** Returns the methods that have the scores of both axes, on at least one shared item. */
    List<EvaluatedMethod> plotted() {
        List<String> keys =
                Stream.concat(
                                keysOf(summary.learned()).stream(),
                                keysOf(summary.retained()).stream())
                        .toList();
        if (keys.stream().anyMatch(key -> shared(key).isEmpty())) {
            return List.of();
        }
        return summary.methods().stream()
                .filter(method -> keys.stream().allMatch(key -> scores(method, key).isPresent()))
                .toList();
    }

    /**
     * Returns the mean of the first scores of some tasks, less-is-better ones negative, with an
     * interval that holds together with that of the other axis.
     */
    Estimate axis(EvaluatedMethod method, List<String> tasks) {
        List<Table> tables =
                keysOf(tasks).stream()
                        .map(key -> table(method.runs(), key, shared(key), sign(key)))
                        .toList();
        return BOOTSTRAP.withConfidence(JOINT).mean(tables);
    }

    /** Returns which methods are better than which in both axes, beyond chance. */
    List<Dominated> dominated() {
        List<String> learned = keysOf(summary.learned());
        List<String> retained = keysOf(summary.retained());
        List<EvaluatedMethod> methods = plotted();
        List<Dominated> found = new ArrayList<>();
        for (int i = 0; i < methods.size(); i++) {
            for (int j = i + 1; j < methods.size(); j++) {
                EvaluatedMethod a = methods.get(i);
                EvaluatedMethod b = methods.get(j);
                // the one with more runs first, since one run can stand for many but not be many
                boolean swapped = a.runs().size() < b.runs().size();
                EvaluatedMethod first = swapped ? b : a;
                EvaluatedMethod second = swapped ? a : b;
                Dominance verdict =
                        Dominance.of(
                                difference(first, second, learned, true).estimate(),
                                difference(first, second, retained, true).estimate());
                if (verdict == Dominance.FIRST) {
                    found.add(new Dominated(first.title(), second.title()));
                } else if (verdict == Dominance.SECOND) {
                    found.add(new Dominated(second.title(), first.title()));
                }
            }
        }
        return found;
    }

    /** Returns the largest end of an interval of a score, for the scale of its bars. */
    double largest(String key) {
        return summary.methods().stream()
                .flatMap(method -> value(method, key).stream())
                .flatMap(estimate -> Arrays.asList(estimate.value(), estimate.high()).stream())
                .mapToDouble(Double::doubleValue)
                .max()
                .orElse(1);
    }
}
