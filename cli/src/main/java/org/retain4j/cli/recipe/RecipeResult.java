package org.retain4j.cli.recipe;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.retain4j.cli.evaluate.TrainingOverlap;
import org.retain4j.cli.recipe.Recipe.Variant;
import org.retain4j.evaluation.report.SweepPlot;
import org.retain4j.evaluation.statistics.ClusteredBootstrap;
import org.retain4j.evaluation.statistics.Estimate;

/**
 * What a recipe came to: scores of every method on every task with 95 % intervals over seeds and
 * items, and paired differences.
 *
 * @param title what the comparison is called
 * @param seeds seeds of every method
 * @param base scores of the model before training by task
 * @param methods the methods, in the order of the recipe
 * @param learned names of the tasks that tell what was learned
 * @param retained names of the tasks that tell what was kept
 * @param settings settings of the recipe
 * @param contamination which items of the tasks are in the training data
 */
public record RecipeResult(
        String title,
        List<Long> seeds,
        Map<String, TaskValue> base,
        List<MethodScores> methods,
        List<String> learned,
        List<String> retained,
        Map<String, String> settings,
        TrainingOverlap contamination) {

    private static final long BOOTSTRAP_SEED = 20_000;

    /**
     * The score of a task.
     *
     * @param metric metric and filter
     * @param higherIsBetter whether more is better
     * @param items number of items
     * @param value the score
     * @param minusFirst difference to the first method on the same seeds and items; null for it
     * @param minusBase difference to the model before training; null for that
     */
    public record TaskValue(
            String metric,
            boolean higherIsBetter,
            int items,
            Estimate value,
            @Nullable Estimate minusFirst,
            @Nullable Estimate minusBase) {}

    /**
     * A method.
     *
     * @param name its key in the recipe
     * @param title name in tables
     * @param line curve of a sweep that it is a point of; null when it is of none
     * @param swept keys of the sweep with its values
     * @param chosen the keys that the trials chose
     * @param trials what was tried
     * @param tasks scores by task
     * @param newTokens tokens of new data of a run
     * @param replayedTokens tokens of old data of a run
     * @param extraTokens tokens that the method sends through the model beside those, at most
     * @param memoryBytes about what a run takes at its peak
     * @param seconds mean time of a run's training
     */
    public record MethodScores(
            String name,
            String title,
            @Nullable String line,
            Map<String, JsonNode> swept,
            Map<String, JsonNode> chosen,
            List<TrialValue> trials,
            Map<String, TaskValue> tasks,
            long newTokens,
            long replayedTokens,
            long extraTokens,
            long memoryBytes,
            double seconds) {}

    /**
     * What was tried, and what it came to.
     *
     * @param changes keys and values
     * @param evalRise rise of the loss on eval; null when the run diverged
     * @param retainRise rise of the loss on retain
     */
    public record TrialValue(
            Map<String, JsonNode> changes,
            @Nullable Double evalRise,
            @Nullable Double retainRise) {}

    /**
     * What a run of a method takes.
     *
     * @param memoryBytes at its peak, about
     * @param extraTokens beside those that are trained on, at most
     */
    record Cost(long memoryBytes, long extraTokens) {}

    static RecipeResult of(
            Recipe recipe,
            RunScores base,
            Map<String, List<RunScores>> runs,
            Map<String, List<Trial>> trials,
            Map<String, Map<String, JsonNode>> chosen,
            Map<String, Cost> costs,
            TrainingOverlap contamination) {
        ClusteredBootstrap bootstrap = ClusteredBootstrap.seeded(BOOTSTRAP_SEED);
        List<RunScores> first = Objects.requireNonNull(runs.get(recipe.methods().get(0).name()));
        List<MethodScores> methods = new ArrayList<>();
        for (Variant method : recipe.methods()) {
            List<RunScores> own = Objects.requireNonNull(runs.get(method.name()));
            Cost cost = Objects.requireNonNull(costs.get(method.name()));
            List<RunScores> compared = own == first ? null : first;
            methods.add(
                    new MethodScores(
                            method.name(),
                            method.title(),
                            method.line(),
                            method.swept(),
                            chosen.getOrDefault(method.name(), Map.of()),
                            trials.getOrDefault(method.name(), List.of()).stream()
                                    .map(
                                            trial ->
                                                    new TrialValue(
                                                            trial.changes(),
                                                            trial.evalRise(),
                                                            trial.retainRise()))
                                    .toList(),
                            values(own, compared, base, bootstrap),
                            own.get(0).newTokens(),
                            own.get(0).replayedTokens(),
                            cost.extraTokens(),
                            cost.memoryBytes(),
                            own.stream().mapToDouble(RunScores::seconds).average().orElse(0)));
        }
        int learned = recipe.config().learned.size();
        List<String> names = base.tasks().stream().map(TaskScores::task).toList();
        return new RecipeResult(
                recipe.config().title,
                recipe.config().seeds,
                values(List.of(base), null, null, bootstrap),
                methods,
                names.subList(0, learned),
                names.subList(learned, names.size()),
                recipe.settings(),
                contamination);
    }

    private static Map<String, TaskValue> values(
            List<RunScores> runs,
            @Nullable List<RunScores> first,
            @Nullable RunScores base,
            ClusteredBootstrap bootstrap) {
        Map<String, TaskValue> values = new LinkedHashMap<>();
        for (int t = 0; t < runs.get(0).tasks().size(); t++) {
            TaskScores task = runs.get(0).tasks().get(t);
            long[] sizes = task.weights();
            double[][] rows = rows(runs, t);
            double[][] before = new double[rows.length][];
            if (base != null) {
                Arrays.fill(before, base.tasks().get(t).row());
            }
            values.put(
                    task.task(),
                    new TaskValue(
                            task.metric(),
                            task.higherIsBetter(),
                            task.ids().size(),
                            bootstrap.estimate(rows, sizes),
                            first == null
                                    ? null
                                    : bootstrap.difference(rows, rows(first, t), sizes),
                            base == null ? null : bootstrap.difference(rows, before, sizes)));
        }
        return values;
    }

    private static double[][] rows(List<RunScores> runs, int task) {
        return runs.stream().map(run -> run.tasks().get(task).row()).toArray(double[][]::new);
    }

    /** Returns whether a method was swept, so that there are {@link #curves}. */
    public boolean hasCurves() {
        return methods.stream().anyMatch(method -> method.line() != null);
    }

    /** Returns what was learned against what was kept, one line a curve of a sweep. */
    public SweepPlot curves() {
        return Sweep.plot(this);
    }

    /** Returns the table that is printed: a method a line, a task a column. */
    public String table() {
        List<String> tasks = new ArrayList<>(learned);
        tasks.addAll(retained);
        List<List<String>> rows = new ArrayList<>();
        List<String> head = new ArrayList<>(List.of("method"));
        for (String task : tasks) {
            TaskValue value = Objects.requireNonNull(base.get(task));
            head.add(task + (value.higherIsBetter() ? " (more is better)" : " (less is better)"));
            head.add("minus base");
        }
        head.addAll(List.of("tokens", "extra tokens", "MB", "s"));
        rows.add(head);
        rows.add(row("base model", tasks, base, List.of("", "", "", "")));
        for (MethodScores method : methods) {
            rows.add(
                    row(
                            method.title(),
                            tasks,
                            method.tasks(),
                            List.of(
                                    count(method.newTokens() + method.replayedTokens()),
                                    count(method.extraTokens()),
                                    count(Math.round(method.memoryBytes() / 1e6)),
                                    String.format(Locale.ROOT, "%.0f", method.seconds()))));
        }
        StringBuilder text = new StringBuilder();
        for (List<String> row : rows) {
            text.append("| ").append(String.join(" | ", row)).append(" |\n");
            if (row == head) {
                text.append("|").append(" --- |".repeat(head.size())).append('\n');
            }
        }
        return text.toString();
    }

    private static List<String> row(
            String title, List<String> tasks, Map<String, TaskValue> values, List<String> cost) {
        List<String> row = new ArrayList<>(List.of(title));
        for (String task : tasks) {
            TaskValue value = Objects.requireNonNull(values.get(task));
            row.add(number(value.value(), ""));
            row.add(value.minusBase() == null ? "" : number(value.minusBase(), "+"));
        }
        row.addAll(cost);
        return row;
    }

    private static String count(long number) {
        return String.format(Locale.ROOT, "%,d", number);
    }

    private static String number(Estimate estimate, String sign) {
        String format = "%" + sign + ".3f [%" + sign + ".3f, %" + sign + ".3f]";
        return String.format(
                Locale.ROOT, format, estimate.value(), estimate.low(), estimate.high());
    }
}
