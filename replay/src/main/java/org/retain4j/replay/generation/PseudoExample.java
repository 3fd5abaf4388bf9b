package org.retain4j.replay.generation;

import java.util.Map;

/**
 * An instruction and an answer that models wrote in place of old data.
 *
 * @param instruction what is asked, without any template
 * @param input what it is asked of; empty for nothing
 * @param answer the answer
 * @param provenance how it came about: seed, number, temperature and hash of the model
 */
public record PseudoExample(
        String instruction, String input, String answer, Map<String, ?> provenance) {

    /** Copies the map. */
    public PseudoExample {
        provenance = Map.copyOf(provenance);
    }

    /** Returns instruction and input, joined by a line feed. */
    public String prompt() {
        return input.isEmpty() ? instruction : instruction + "\n" + input;
    }
}
