package org.retain4j.evaluation.tasks;

import org.jspecify.annotations.Nullable;

/**
 * What a model says to a request.
 *
 * @param logLikelihood natural log-probability of what counts; 0 for a generated text
 * @param greedy whether greedy decoding would have written it
 * @param text what was generated, "" otherwise
 * @param truncated whether the context was cut on the left to fit
 * @param problem why there is no answer, or null
 */
public record Response(
        double logLikelihood,
        boolean greedy,
        String text,
        boolean truncated,
        @Nullable String problem) {

    static Response likelihood(double sum, boolean greedy, boolean truncated) {
        return new Response(sum, greedy, "", truncated, null);
    }

    static Response generated(String text, boolean truncated) {
        return new Response(0, false, text, truncated, null);
    }

    static Response skipped(String problem) {
        return new Response(0, false, "", false, problem);
    }
}
