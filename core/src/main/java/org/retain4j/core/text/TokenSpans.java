package org.retain4j.core.text;

import ai.djl.huggingface.tokenizers.jni.CharSpan;
import org.jspecify.annotations.Nullable;

/**
 * The tokens of a text and where in it they stand.
 *
 * <p>Immutable, safe for all threads.
 */
public final class TokenSpans {

    private final int[] ids;
    private final int[] starts;
    private final int[] ends;

    private TokenSpans(int[] ids, int[] starts, int[] ends) {
        this.ids = ids;
        this.starts = starts;
        this.ends = ends;
    }

    /** Turns the places of the native library, which count code points, into those of Java. */
    static TokenSpans of(int[] ids, @Nullable CharSpan[] spans, String text) {
        int[] units = units(text);
        int[] starts = new int[ids.length];
        int[] ends = new int[ids.length];
        for (int i = 0; i < ids.length; i++) {
            CharSpan span = spans[i];
            starts[i] = span == null ? 0 : units[span.getStart()];
            ends[i] = span == null ? 0 : units[span.getEnd()];
        }
        return new TokenSpans(ids, starts, ends);
    }

    /** Returns the UTF-16 index of each code point, and of the end. */
    private static int[] units(String text) {
        int[] units = new int[text.codePointCount(0, text.length()) + 1];
        int unit = 0;
        for (int i = 0; i + 1 < units.length; i++) {
            units[i] = unit;
            unit += Character.charCount(text.codePointAt(unit));
        }
        units[units.length - 1] = unit;
        return units;
    }

    /** Returns the number of tokens. */
    public int size() {
        return ids.length;
    }

    /** Returns a copy of the token ids. */
    public int[] ids() {
        return ids.clone();
    }

    /** Returns the UTF-16 index at which the text of a token starts; 0 for an added token. */
    public int start(int token) {
        return starts[token];
    }

    /**
     * Returns the UTF-16 index after the text of a token; equal to the start for one that stands
     * for no text. Several tokens of one character each have the whole character.
     */
    public int end(int token) {
        return ends[token];
    }
}
