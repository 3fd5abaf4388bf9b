package org.retain4j.cli.recipe;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A short run with one of the sets of keys that a method tries.
 *
 * @param key hash of settings that it is of
 * @param changes the keys and their values
 * @param evalRise rise of the loss on eval, in nats a token; null when the run diverged
 * @param retainRise rise of the loss on retain
 */
record Trial(
        String key,
        Map<String, JsonNode> changes,
        @Nullable Double evalRise,
        @Nullable Double retainRise) {

    /**
     * Chooses the trial that forgets least among those that learn nearly as much as the best.
     *
     * @param tolerance share of the best trial's gain that may be missing
     * @throws IllegalStateException if all diverged
     */
    static Trial best(String method, List<Trial> trials, double tolerance) {
        double gain =
                trials.stream()
                        .filter(trial -> trial.evalRise != null)
                        .mapToDouble(trial -> -gone(trial.evalRise))
                        .max()
                        .orElseThrow(
                                () ->
                                        new IllegalStateException(
                                                "methods."
                                                        + method
                                                        + " diverges with everything that it"
                                                        + " tries; give it smaller values"));
        double least = gain - Math.abs(gain) * tolerance;
        return trials.stream()
                .filter(trial -> trial.evalRise != null && -gone(trial.evalRise) >= least)
                .min(Comparator.comparingDouble(trial -> gone(trial.retainRise)))
                .orElseThrow();
    }

    private static double gone(@Nullable Double rise) {
        return rise == null ? Double.POSITIVE_INFINITY : rise;
    }
}
