package org.retain4j.evaluation.tasks;

import java.util.List;

/**
 * How far a generated answer goes; decoding is greedy.
 *
 * @param until texts that end an answer, none empty; the model's end token ends it in any case
 * @param maxTokens largest number of new tokens, at least 1
 */
public record Decoding(List<String> until, int maxTokens) {

    /** The harness's number of new tokens where a task names none. */
    public static final int DEFAULT_TOKENS = 256;

    /**
     * Checks the settings.
     *
     * @throws IllegalArgumentException if a text is empty or the number is below 1
     */
    public Decoding {
        until = List.copyOf(until);
        if (until.stream().anyMatch(String::isEmpty) || maxTokens < 1) {
            throw new IllegalArgumentException(
                    "an answer needs stop texts that are not empty and at least 1 token");
        }
    }

    /** Returns settings with the default number of tokens. */
    public static Decoding stoppingAt(String... texts) {
        return new Decoding(List.of(texts), DEFAULT_TOKENS);
    }
}
