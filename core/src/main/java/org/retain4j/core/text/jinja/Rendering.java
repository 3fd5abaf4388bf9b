package org.retain4j.core.text.jinja;

import java.util.List;

/**
 * What a template made.
 *
 * @param text the output
 * @param generated the parts that {@code {% generation %}} blocks wrote, in their order
 */
public record Rendering(String text, List<Span> generated) {

    /**
     * A part of a text.
     *
     * @param start first position, in UTF-16 units
     * @param end position after the last
     */
    public record Span(int start, int end) {}

    /** Copies the list. */
    public Rendering {
        generated = List.copyOf(generated);
    }
}
