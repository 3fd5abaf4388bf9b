package org.retain4j.evaluation.tasks;

import java.util.Locale;

/** Methods of Python's {@code str} where Java's differ; prompts must come out the same. */
final class PythonText {

    private PythonText() {}

    /** What {@code str.isspace} and {@code \s} accept; all are single UTF-16 units. */
    static boolean isSpace(char c) {
        return Character.isWhitespace(c) || Character.isSpaceChar(c) || c == '\u0085';
    }

    static String strip(String text) {
        int start = 0;
        int end = text.length();
        while (start < end && isSpace(text.charAt(start))) {
            start++;
        }
        while (end > start && isSpace(text.charAt(end - 1))) {
            end--;
        }
        return text.substring(start, end);
    }

    /** Puts the first character into title case and all others into lower case. */
    static String capitalize(String text) {
        if (text.isEmpty()) {
            return text;
        }
        int first = text.codePointAt(0);
        String head = Character.toString(first);
        String lower = text.toLowerCase(Locale.ROOT);
        String rest = lower.substring(Math.min(lower.length(), lowerLength(head)));
        String upper = head.toUpperCase(Locale.ROOT);
        if (upper.codePointCount(0, upper.length()) > 1) {
            int end = upper.offsetByCodePoints(0, 1);
            return upper.substring(0, end) + upper.substring(end).toLowerCase(Locale.ROOT) + rest;
        }
        return Character.toString(Character.toTitleCase(first)) + rest;
    }

    private static int lowerLength(String head) {
        return head.toLowerCase(Locale.ROOT).length();
    }

    /** Returns how many parts {@code re.split(r"\s+", text)} has. */
    static long words(String text) {
        long words = 1;
        for (int i = 0; i < text.length(); i++) {
            boolean begins = i == 0 || !isSpace(text.charAt(i - 1));
            words += begins && isSpace(text.charAt(i)) ? 1 : 0;
        }
        return words;
    }

    /** Returns {@code len(text)}: the number of code points. */
    static int length(String text) {
        return text.codePointCount(0, text.length());
    }
}
