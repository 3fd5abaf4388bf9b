package org.retain4j.evaluation.metrics;

import java.util.function.IntToDoubleFunction;
import java.util.function.IntUnaryOperator;
import java.util.stream.IntStream;

/**
 * Scores of a sequence of tasks: row i after learning task i, column j on task j; higher is better.
 *
 * <p>The literature uses the same words for different numbers, so every method names its
 * definition. The array is not copied; treat it as immutable. Thread-safe.
 *
 * @param scores {@code scores[stage][task]}, square, finite; at least one task
 */
public record ScoreMatrix(double[][] scores) {

    /**
     * Checks the shape.
     *
     * @throws IllegalArgumentException if it is not square, empty, or holds what is not a number
     */
    public ScoreMatrix {
        if (scores.length == 0) {
            throw new IllegalArgumentException("a score matrix needs at least one task");
        }
        for (int stage = 0; stage < scores.length; stage++) {
            if (scores[stage].length != scores.length) {
                throw new IllegalArgumentException(
                        "a sequence of %d tasks needs %d scores at stage %d, but there are %d"
                                .formatted(
                                        scores.length, scores.length, stage, scores[stage].length));
            }
            requireFinite(scores[stage], "stage " + stage);
        }
    }

    private static void requireFinite(double[] row, String what) {
        for (int task = 0; task < row.length; task++) {
            if (!Double.isFinite(row[task])) {
                throw new IllegalArgumentException(
                        "the score of task %d at %s is %s; scores must be finite"
                                .formatted(task, what, row[task]));
            }
        }
    }

    /** Returns the number of tasks. */
    public int tasks() {
        return scores.length;
    }

    private int last() {
        return scores.length - 1;
    }

    /**
     * Returns ACC, the mean over all tasks after the last stage (Lopez-Paz and Ranzato 2017,
     * arXiv:1706.08840).
     */
    public double averageAccuracy() {
        return averageAccuracy(last(), tasks());
    }

    private double averageAccuracy(int stage, int count) {
        return mean(0, count, task -> scores[stage][task]);
    }

    /** Returns the mean after each stage over the tasks learned so far (Chaudhry et al. 2018). */
    public double[] averageOfSeenTasks() {
        return IntStream.range(0, tasks()).mapToDouble(i -> averageAccuracy(i, i + 1)).toArray();
    }

    /** Returns the mean after each stage over all tasks, also those still to come. */
    public double[] averageOfAllTasks() {
        return IntStream.range(0, tasks()).mapToDouble(i -> averageAccuracy(i, tasks())).toArray();
    }

    /** Returns the mean of {@link #averageOfSeenTasks()}: the area under that curve. */
    public double areaUnderAverageAccuracy() {
        double[] curve = averageOfSeenTasks();
        return mean(0, curve.length, i -> curve[i]);
    }

    /**
     * Returns BWT: what later tasks did to earlier ones, final score minus the score just after
     * learning, over all tasks but the last (arXiv:1706.08840). Negative means forgetting; 0 for
     * one task.
     */
    public double backwardTransfer() {
        return mean(0, last(), task -> scores[last()][task] - scores[task][task]);
    }

    /**
     * Returns FWT: the score on a task just before it is learned minus that of the untrained or
     * base model, over all tasks but the first (arXiv:1706.08840); 0 for one task.
     *
     * @param base score of the base model on each task
     * @throws IllegalArgumentException if there is not one finite number a task
     */
    public double forwardTransfer(double... base) {
        requirePerTask(base, "the base model");
        return mean(1, tasks(), task -> scores[task - 1][task] - base[task]);
    }

    /**
     * Returns the forgetting of each task but the last: the best score at any earlier stage, those
     * before the task was learned included, minus the final one (Chaudhry et al. 2018,
     * arXiv:1801.10112, equation 3).
     */
    public double[] forgettingPerTask() {
        return forgettingFrom(task -> 0);
    }

    /** Returns the mean of {@link #forgettingPerTask()}; 0 for one task. */
    public double forgetting() {
        double[] each = forgettingPerTask();
        return mean(0, each.length, task -> each[task]);
    }

    /**
     * Returns the mean forgetting with the best score taken from the stages since the task was
     * learned only, so that a lucky score before it does not count.
     */
    public double forgettingSinceLearned() {
        double[] each = forgettingFrom(task -> task);
        return mean(0, each.length, task -> each[task]);
    }

    /**
     * Returns the mean of the score just after learning minus the final one, which is what
     * Avalanche calls forgetting; the negative of {@link #backwardTransfer()}.
     */
    public double forgettingFirstMinusLast() {
        return tasks() == 1 ? 0 : -backwardTransfer();
    }

    private double[] forgettingFrom(IntUnaryOperator firstStage) {
        double[] each = new double[last()];
        for (int task = 0; task < each.length; task++) {
            double best = Double.NEGATIVE_INFINITY;
            for (int stage = firstStage.applyAsInt(task); stage < last(); stage++) {
                best = Math.max(best, scores[stage][task]);
            }
            each[task] = best - scores[last()][task];
        }
        return each;
    }

    /**
     * Returns intransigence: the score of a model trained on all tasks together minus the score
     * just after learning, over all tasks (arXiv:1801.10112). Positive means that a task is learned
     * worse in the sequence.
     *
     * @param joint score of the jointly trained model on each task
     * @throws IllegalArgumentException if there is not one finite number a task
     */
    public double intransigence(double... joint) {
        requirePerTask(joint, "the jointly trained model");
        return mean(0, tasks(), task -> joint[task] - scores[task][task]);
    }

    /** Returns learning accuracy: the mean score just after learning. */
    public double learningAccuracy() {
        return mean(0, tasks(), task -> scores[task][task]);
    }

    private void requirePerTask(double[] values, String what) {
        if (values.length != tasks()) {
            throw new IllegalArgumentException(
                    "%s needs a score for each of %d tasks, but has %d"
                            .formatted(what, tasks(), values.length));
        }
        requireFinite(values, what);
    }

    private static double mean(int from, int to, IntToDoubleFunction value) {
        return IntStream.range(from, to).mapToDouble(value).average().orElse(0);
    }
}
