package org.retain4j.core.text;

import java.util.Arrays;

/**
 * Decodes token after token, giving out text as soon as it is certain.
 *
 * <p>All parts together, including that of {@link #finish()}, are exactly what {@link
 * Tokenizer#decode} makes of all ids together. A character whose bytes come in several tokens is
 * given out when it is whole; U+FFFD appears only where it is in that text. With byte fallback
 * (SentencePiece-like tokenizers) a run of byte tokens is given out when the next other token
 * arrives, as one wrong byte spoils the run.
 *
 * <p>Each token costs the decoding of about {@value #WINDOW} tokens, however long the text is.
 * Decoders of which it is not known what later tokens can change (none of a supported model family)
 * give out everything at the end. Not safe for use by several threads at once.
 */
public final class TokenStream {

    /** Tokens before new ones that are decoded with them, so that these get the right spaces. */
    private static final int CONTEXT = 8;

    private static final int WINDOW = 2 * CONTEXT;

    private final Tokenizer tokenizer;
    private final boolean skipSpecialTokens;
    private final StreamingRule rule;
    private int[] window = new int[WINDOW];
    private int size;
    private int given;

    TokenStream(Tokenizer tokenizer, boolean skipSpecialTokens, StreamingRule rule) {
        this.tokenizer = tokenizer;
        this.skipSpecialTokens = skipSpecialTokens;
        this.rule = rule;
    }

    /**
     * Takes the next token and returns the text that is certain now, often empty.
     *
     * @throws IllegalArgumentException when the id is not in the vocabulary
     * @throws IllegalStateException when the tokenizer is closed
     */
    public String next(int id) {
        String token = tokenizer.idToToken(id);
        if (token == null || (skipSpecialTokens && tokenizer.isSpecial(id))) {
            return "";
        }
        if (rule == StreamingRule.ALL_BUT_LAST_REPLACEMENT && addsNothing(id, token)) {
            return "";
        }
        if (size == window.length) {
            window = Arrays.copyOf(window, 2 * size);
        }
        window[size++] = id;
        if (rule == StreamingRule.NOTHING
                || (rule == StreamingRule.BEFORE_BYTE_RUN && StreamingRule.isByte(token))) {
            return "";
        }
        String text = decoded();
        int certain = certain(text);
        String part = text.substring(given, certain);
        given = certain;
        if (size >= WINDOW) {
            window = Arrays.copyOf(Arrays.copyOfRange(window, size - CONTEXT, size), WINDOW);
            size = CONTEXT;
            given = certain(decoded());
        }
        return part;
    }

    /** Returns the text that was held back, and starts anew. */
    public String finish() {
        String rest = size == 0 ? "" : decoded().substring(given);
        size = 0;
        given = 0;
        return rest;
    }

    /** Tokens without bytes could push those of an unfinished character out of the window. */
    private boolean addsNothing(int id, String token) {
        // only what is not ASCII can be replaced by nothing before it becomes bytes
        return token.chars().allMatch(c -> c > 127)
                && tokenizer.decode(new int[] {id}, skipSpecialTokens).isEmpty();
    }

    private String decoded() {
        return tokenizer.decode(Arrays.copyOf(window, size), skipSpecialTokens);
    }

    private int certain(String text) {
        return rule == StreamingRule.ALL_BUT_LAST_REPLACEMENT && text.endsWith("\uFFFD")
                ? text.length() - 1
                : text.length();
    }
}
