package org.retain4j.finetune.monitor;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;
import org.retain4j.core.io.Sha256;
import org.retain4j.core.model.CausalLm;
import org.retain4j.evaluation.tasks.EvaluationOptions;
import org.retain4j.evaluation.tasks.Evaluator;
import org.retain4j.evaluation.tasks.MetricValue;
import org.retain4j.evaluation.tasks.Row;
import org.retain4j.evaluation.tasks.Task;
import org.retain4j.evaluation.tasks.TaskData;
import org.retain4j.evaluation.tasks.TaskResult;
import org.retain4j.finetune.Evaluation;
import org.retain4j.finetune.StateDict;

/**
 * Score of a task of {@code evaluate} that training must not lose, and how far it has moved since
 * the start of the run.
 *
 * <p>Gives {@code TASK_METRIC} and {@code TASK_METRIC_change}, the score less the one before the
 * first step, for the first metric of the task ({@code bits_per_byte} for texts). Not safe for
 * concurrent use.
 */
public final class TaskRetention implements Evaluation {

    private static final String BITS = "bits_per_byte";

    private final Task task;
    private final TaskData data;
    private final EvaluationOptions options;
    private final String metric;
    private double before;

    /**
     * Creates the evaluation.
     *
     * @param data the rows to ask, all of them; take a small {@link TaskData#sample}
     * @param options how they are asked
     */
    public TaskRetention(Task task, TaskData data, EvaluationOptions options) {
        this.task = task;
        this.data = data;
        this.options = options.withLimit(0).withBootstraps(0);
        this.metric = task.metrics().contains(BITS) ? BITS : task.metrics().get(0);
    }

    /** Returns the name of the score among the results of the evaluations. */
    public String name() {
        return task.name() + "_" + metric;
    }

    /** Returns the name of the change among the results of the evaluations. */
    public String change() {
        return name() + "_change";
    }

    /** Returns the task. */
    public Task task() {
        return task;
    }

    /** Returns whether a larger score is better. */
    public boolean higherIsBetter() {
        return task.higherIsBetter().getOrDefault(metric, true);
    }

    @Override
    public void start(CausalLm model) {
        before = score(model);
    }

    @Override
    public Map<String, Double> evaluate(CausalLm model, long step) {
        Map<String, Double> results = new LinkedHashMap<>();
        double now = score(model);
        results.put(name(), now);
        results.put(change(), now - before);
        return results;
    }

    private double score(CausalLm model) {
        try {
            TaskResult result = Evaluator.of(model, options).run(task, data);
            for (MetricValue value : result.metrics()) {
                if (value.metric().equals(metric)) {
                    return value.value();
                }
            }
            throw new IllegalStateException(task.name() + " gives no " + metric);
        } catch (IOException e) {
            throw new UncheckedIOException("the monitor cannot run " + task.name(), e);
        }
    }

    @Override
    public StateDict save() {
        return new StateDict(Map.of(), Map.of("before_bits", Double.doubleToRawLongBits(before)));
    }

    @Override
    public void load(StateDict state) {
        before = Double.longBitsToDouble(state.number("before_bits"));
    }

    /** Returns task and rows, which tell it from another in a checkpoint. */
    @Override
    public String toString() {
        StringBuilder rows = new StringBuilder();
        for (Row row : data.rows()) {
            rows.append(row.node()).append('\n');
        }
        return "TaskRetention[task=%s, rows=%d, sha256=%s, options=%s]"
                .formatted(
                        task.name(),
                        data.rows().size(),
                        Sha256.of(rows.toString().getBytes(StandardCharsets.UTF_8)),
                        options);
    }
}
