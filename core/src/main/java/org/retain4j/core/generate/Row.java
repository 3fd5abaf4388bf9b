package org.retain4j.core.generate;

import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.retain4j.core.text.TokenStream;
import org.retain4j.core.text.Tokenizer;

/** One row while it is generated: its new tokens, its text, and whether it has ended. */
final class Row {

    /**
     * Tokens of the prompt that are decoded before the new ones, so that these get their spaces.
     */
    private static final int CONTEXT = 8;

    private final List<String> stopStrings;
    private final @Nullable TokenStream stream;
    private final int vocabulary;
    private final StringBuilder text = new StringBuilder();
    private int[] ids;
    private int count;
    private int given;
    private @Nullable StopReason reason;

    Row(int[] prompt, GenerationConfig config, @Nullable Tokenizer tokenizer) {
        this.stopStrings = config.stopStrings();
        this.ids = new int[Math.min(config.maxNewTokens(), 64)];
        vocabulary = tokenizer == null ? 0 : tokenizer.vocabularySize();
        stream = tokenizer == null ? null : tokenizer.stream(true);
        for (int i = Math.max(0, prompt.length - CONTEXT); i < prompt.length; i++) {
            decoded(prompt[i]);
        }
    }

    boolean hasEnded() {
        return reason != null;
    }

    /**
     * Takes a new token and returns the text that is certain now.
     *
     * @param isEnd whether this token ends a row
     */
    String add(int id, boolean isEnd) {
        if (count == ids.length) {
            ids = Arrays.copyOf(ids, 2 * count + 1);
        }
        ids[count++] = id;
        text.append(decoded(id));
        if (isEnd) {
            end(StopReason.EOS);
        } else if (cutAtStopString()) {
            reason = StopReason.STOP;
        }
        return newText();
    }

    /** Embeddings often have more rows than the tokenizer has tokens; those stand for no text. */
    private String decoded(int id) {
        return stream == null || id >= vocabulary ? "" : stream.next(id);
    }

    /** Ends the row and returns the text that was held back. */
    String end(StopReason why) {
        if (reason == null) {
            if (stream != null) {
                text.append(stream.finish());
            }
            reason = cutAtStopString() ? StopReason.STOP : why;
        }
        return newText();
    }

    private boolean cutAtStopString() {
        int first = -1;
        for (String stop : stopStrings) {
            // what was given out before holds no part of a stop string
            int at = text.indexOf(stop, given);
            if (at >= 0 && (first < 0 || at < first)) {
                first = at;
            }
        }
        if (first >= 0) {
            text.setLength(first);
        }
        return first >= 0;
    }

    private String newText() {
        int end = text.length();
        if (reason == null) {
            for (String stop : stopStrings) {
                end = Math.min(end, text.length() - beginning(stop));
            }
        }
        String part = text.substring(given, Math.max(given, end));
        given = Math.max(given, end);
        return part;
    }

    /** Returns the length of the longest end of the text that begins a stop string. */
    private int beginning(String stop) {
        for (int n = Math.min(stop.length() - 1, text.length() - given); n > 0; n--) {
            if (stop.startsWith(text.substring(text.length() - n))) {
                return n;
            }
        }
        return 0;
    }

    Generation result() {
        return new Generation(
                Arrays.copyOf(ids, count),
                text.toString(),
                reason == null ? StopReason.LENGTH : reason);
    }
}
