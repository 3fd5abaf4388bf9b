package org.retain4j.cli.train;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.retain4j.cli.evaluate.EvaluationPlan;
import org.retain4j.cli.evaluate.TrainingOverlap;
import org.retain4j.cli.usage.DidYouMean;
import org.retain4j.cli.usage.UsageException;
import org.retain4j.evaluation.tasks.EvaluationOptions;
import org.retain4j.finetune.Evaluation;
import org.retain4j.finetune.Penalty;
import org.retain4j.finetune.ScaledPenalty;
import org.retain4j.finetune.Strength;
import org.retain4j.finetune.Trainer;
import org.retain4j.finetune.monitor.RetentionFloor;
import org.retain4j.finetune.monitor.TaskRetention;

/** The tasks that a run watches, as its section {@code monitor} says. For one thread. */
final class RetentionMonitor {

    private static final String STRENGTH = "penalty_strength";

    private final @Nullable MonitorSection section;
    private final EvaluationPlan plan;
    private final List<TaskRetention> tasks = new ArrayList<>();
    private final @Nullable Strength strength;

    private RetentionMonitor(RunConfig config) throws IOException {
        section = config.monitor;
        if (section == null) {
            plan = new EvaluationPlan(List.of());
            strength = null;
            return;
        }
        plan = EvaluationPlan.of(section.tasks, section.data, Optional.empty());
        EvaluationOptions options =
                EvaluationOptions.defaults().withChat(section.applyChatTemplate, false, "");
        for (EvaluationPlan.Step step : plan.steps()) {
            tasks.add(
                    new TaskRetention(
                            step.task(), step.data().sample(section.limit, config.seed), options));
        }
        List<String> names = tasks.stream().map(task -> task.task().name()).toList();
        for (String name : section.floor.keySet()) {
            if (!names.contains(name)) {
                throw new UsageException(
                        "monitor.floor names "
                                + name
                                + ", which is not one of its tasks"
                                + DidYouMean.suffix(name, names));
            }
        }
        strength = raises(section) ? new Strength() : null;
    }

    /**
     * Reads tasks and data; nothing where the run has no such section.
     *
     * @throws UsageException if a task is not known or has no data
     */
    static RetentionMonitor of(RunConfig config) throws IOException {
        return new RetentionMonitor(config);
    }

    private static boolean raises(MonitorSection section) {
        return !section.floor.isEmpty() && section.onFloor == MonitorSection.OnFloor.RAISE_PENALTY;
    }

    /**
     * Checks what can be checked without files.
     *
     * @throws UsageException if keys do not fit together
     */
    static void check(RunConfig config) {
        MonitorSection section = config.monitor;
        if (section == null) {
            return;
        }
        require(!section.tasks.isEmpty(), "monitor.tasks is empty; name at least one task");
        require(section.limit >= 0, "monitor.limit must be 0 (all items) or more");
        require(
                section.factor > 1 && Double.isFinite(section.factor),
                "monitor.factor must be above 1, is " + section.factor);
        require(
                section.floor.values().stream().allMatch(Double::isFinite),
                "monitor.floor needs a number for each task that it names");
        require(
                section.floor.isEmpty() || config.evalSteps > 0,
                "monitor.floor needs eval_steps, how often to look");
        require(
                !raises(section)
                        || config.regularization.l2Sp != null
                        || config.regularization.ewc != null,
                "monitor.on_floor: raise_penalty needs regularization.l2_sp or ewc, whose strength"
                        + " it raises");
    }

    private static void require(boolean holds, String rule) {
        if (!holds) {
            throw new UsageException(rule);
        }
    }

    /** Plugs the tasks and what they lead to into a run, and returns them. */
    List<Evaluation> attach(Trainer trainer) {
        List<Evaluation> all = new ArrayList<>(tasks);
        if (section == null) {
            return all;
        }
        Strength raised = strength;
        if (raised != null) {
            all.add((model, step) -> Map.of(STRENGTH, raised.factor()));
        }
        List<RetentionFloor.Floor> floors = new ArrayList<>();
        for (TaskRetention task : tasks) {
            Double floor = section.floor.get(task.task().name());
            if (floor != null) {
                floors.add(new RetentionFloor.Floor(task.name(), floor, task.higherIsBetter()));
            }
        }
        if (raised != null) {
            trainer.stopWhen(RetentionFloor.raise(floors, section.factor, raised));
        } else if (!floors.isEmpty()) {
            trainer.stopWhen(RetentionFloor.stop(floors));
        }
        return all;
    }

    /** Returns a penalty whose strength this raises; the penalty itself where it raises none. */
    Penalty scaled(Penalty penalty) {
        return strength == null ? penalty : new ScaledPenalty(penalty, strength);
    }

    /** Returns a sentence a task on what it was and is. */
    List<String> results(Map<String, Double> measured) {
        List<String> results = new ArrayList<>();
        for (TaskRetention task : tasks) {
            Double now = measured.get(task.name());
            Double change = measured.get(task.change());
            if (now != null && change != null) {
                results.add(
                        String.format(
                                Locale.ROOT,
                                "%s: %.4f before, %.4f after (%+.4f%s).",
                                task.name(),
                                now - change,
                                now,
                                change,
                                change != 0 && change > 0 != task.higherIsBetter()
                                        ? ", worse"
                                        : ""));
            }
        }
        if (strength != null && strength.factor() != 1) {
            results.add(
                    String.format(
                            Locale.ROOT,
                            "The strength of the penalties was raised to %.4g times, since a score"
                                    + " was below its floor.",
                            strength.factor()));
        }
        return results;
    }

    /** Returns which items of the tasks are in the training data. */
    TrainingOverlap overlap(List<Path> training) throws IOException {
        return plan.steps().isEmpty()
                ? TrainingOverlap.NONE
                : TrainingOverlap.look(
                        plan.steps(), plan.steps().stream().map(step -> 0).toList(), training);
    }
}
