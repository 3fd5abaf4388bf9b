package org.retain4j.cli.compare;

import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.retain4j.cli.evaluate.EvaluationPlan;
import org.retain4j.core.tensor.Device;

/**
 * What to compare, and on what.
 *
 * @param model a model folder or the name of the embedded model
 * @param learn text to learn; null for the embedded excerpt of tinyshakespeare
 * @param retain text that must not be forgotten; null for the embedded excerpt of TinyStories
 * @param methods names of methods, each with an optional strength as in {@code ewc:0.3}; empty for
 *     all with their defaults
 * @param seeds number of seeds, 1 or more
 * @param steps number of training steps, 1 or more
 * @param out folder for the results; created
 * @param tasks tasks to measure every method on besides, may be empty
 * @param limit only the first items of each task; 0 for all
 * @param device where to compute; null for the default device
 */
public record ComparisonOptions(
        String model,
        @Nullable Path learn,
        @Nullable Path retain,
        List<String> methods,
        int seeds,
        int steps,
        Path out,
        List<EvaluationPlan.Step> tasks,
        int limit,
        @Nullable Device device) {

    /** Default number of seeds. */
    public static final int DEFAULT_SEEDS = 3;

    /** Default number of training steps. */
    public static final int DEFAULT_STEPS = 60;

    /**
     * Creates options.
     *
     * @throws IllegalArgumentException if a number is out of range
     */
    public ComparisonOptions {
        if (seeds < 1 || seeds > 1000) {
            throw new IllegalArgumentException("--seeds must be between 1 and 1000, is " + seeds);
        }
        if (steps < 1) {
            throw new IllegalArgumentException("--steps must be at least 1, is " + steps);
        }
        if (limit < 0) {
            throw new IllegalArgumentException("--limit must be at least 0, is " + limit);
        }
        methods = List.copyOf(methods);
        tasks = List.copyOf(tasks);
    }

    /** Creates options without tasks, for the default device. */
    public ComparisonOptions(
            String model,
            @Nullable Path learn,
            @Nullable Path retain,
            List<String> methods,
            int seeds,
            int steps,
            Path out) {
        this(model, learn, retain, methods, seeds, steps, out, List.of(), 0, null);
    }
}
