package org.retain4j.evaluation.contamination;

/**
 * Turns characters into hashes of words: white space ends a word, what is no letter or digit is
 * left out of it, letters are made small, and an ideograph is a word of its own.
 *
 * <p>Holds one word's hash, never its text. For one thread.
 */
final class WordHashes {

    /** Takes the hash of each word. */
    interface Sink {
        void word(long hash);
    }

    private static final long BASIS = 0xcbf29ce484222325L;
    private static final long PRIME = 0x100000001b3L;

    private final Sink sink;
    private long hash = BASIS;
    private boolean begun;
    private char high;

    WordHashes(Sink sink) {
        this.sink = sink;
    }

    /** Takes text; a word may go on in the next call. */
    void add(CharSequence text) {
        for (int i = 0; i < text.length(); i++) {
            add(text.charAt(i));
        }
    }

    void add(char c) {
        if (Character.isHighSurrogate(c)) {
            high = c;
            return;
        }
        boolean isPair = high != 0 && Character.isLowSurrogate(c);
        int point = isPair ? Character.toCodePoint(high, c) : c;
        high = 0;
        if (Character.isIdeographic(point)) {
            end();
            mix(point);
            end();
        } else if (Character.isLetterOrDigit(point)) {
            // by way of the capital, so that ς and σ, which have one, are the same
            mix(Character.toLowerCase(Character.toUpperCase(point)));
        } else if (Character.isWhitespace(point) || Character.isSpaceChar(point)) {
            end();
        }
    }

    private void mix(int point) {
        hash = (hash ^ point) * PRIME;
        begun = true;
    }

    /** Ends the word, if one has begun. */
    void end() {
        if (begun) {
            long mixed = hash * 0x9e3779b97f4a7c15L;
            mixed = (mixed ^ (mixed >>> 32)) * 0xbf58476d1ce4e5b9L;
            sink.word(mixed ^ (mixed >>> 29));
            hash = BASIS;
            begun = false;
        }
    }
}
