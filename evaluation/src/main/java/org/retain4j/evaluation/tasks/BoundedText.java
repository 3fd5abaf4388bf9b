package org.retain4j.evaluation.tasks;

/** A text that a regular expression may look at only so often, so that none runs for ever. */
final class BoundedText implements CharSequence {

    static final class TooLong extends RuntimeException {
        private static final long serialVersionUID = 1;
    }

    private static final long LOOKS = 50_000_000;

    private final String text;
    private long left;

    BoundedText(String text) {
        this.text = text;
        left = LOOKS;
    }

    @Override
    public int length() {
        return text.length();
    }

    @Override
    public char charAt(int index) {
        if (--left < 0) {
            throw new TooLong();
        }
        return text.charAt(index);
    }

    @Override
    public CharSequence subSequence(int start, int end) {
        return text.substring(start, end);
    }

    @Override
    public String toString() {
        return text;
    }
}
