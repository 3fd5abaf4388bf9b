package org.retain4j.core.text;

import java.util.List;

/**
 * A conversation as the model reads it.
 *
 * @param text the rendering
 * @param assistantSpans what the assistant wrote, as far as the template marks it with {@code {%
 *     generation %}}
 */
public record ChatRendering(String text, List<Span> assistantSpans) {

    /**
     * A part of the text.
     *
     * @param start first position, in code points
     * @param end position after the last
     */
    public record Span(int start, int end) {}

    /** Copies the list. */
    public ChatRendering {
        assistantSpans = List.copyOf(assistantSpans);
    }

    /**
     * Returns the tokens of the text, to which the tokenizer adds none, and which of them the
     * assistant wrote.
     *
     * <p>A token counts when at least a part of it lies in an assistant's span.
     *
     * @throws IllegalArgumentException when the vocabulary has no token for a part of the text
     * @throws IllegalStateException when the tokenizer is closed
     */
    public ChatTokens encode(Tokenizer tokenizer) {
        TokenSpans tokens = tokenizer.encodeWithSpans(text, false);
        int[] mask = new int[tokens.size()];
        for (Span span : assistantSpans) {
            int start = text.offsetByCodePoints(0, span.start());
            int end = text.offsetByCodePoints(start, span.end() - span.start());
            int first = -1;
            int last = -1;
            for (int i = 0; i < mask.length; i++) {
                if (tokens.start(i) < end && tokens.end(i) > start) {
                    first = first < 0 ? i : first;
                    last = i;
                }
            }
            for (int i = Math.max(0, first); i <= last; i++) {
                mask[i] = 1;
            }
        }
        return new ChatTokens(tokens.ids(), mask);
    }
}
