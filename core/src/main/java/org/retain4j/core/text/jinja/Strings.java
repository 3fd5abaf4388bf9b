package org.retain4j.core.text.jinja;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.function.IntPredicate;
import org.jspecify.annotations.Nullable;

/** What Python's texts can do; positions count code points. */
final class Strings {

    private Strings() {}

    /** Returns whether {@code str.isspace} is true for a character. */
    static boolean isSpace(int c) {
        return c == ' '
                || (c >= 0x09 && c <= 0x0d)
                || (c >= 0x1c && c <= 0x1f)
                || c == 0x85
                || c == 0xa0
                || c == 0x2028
                || c == 0x2029
                || Character.getType(c) == Character.SPACE_SEPARATOR;
    }

    /** Returns a number with so many hexadecimal digits. */
    static String hex(int value, int digits) {
        String hex = Integer.toHexString(value);
        return "0".repeat(Math.max(0, digits - hex.length())) + hex;
    }

    static boolean isPrintable(int c) {
        return switch (Character.getType(c)) {
            case Character.CONTROL,
                    Character.FORMAT,
                    Character.SURROGATE,
                    Character.PRIVATE_USE,
                    Character.UNASSIGNED,
                    Character.LINE_SEPARATOR,
                    Character.PARAGRAPH_SEPARATOR ->
                    false;
            case Character.SPACE_SEPARATOR -> c == ' ';
            default -> true;
        };
    }

    static int compare(String a, String b) {
        int length = Math.min(a.length(), b.length());
        for (int i = 0; i < length; i++) {
            char x = a.charAt(i);
            char y = b.charAt(i);
            if (x != y) {
                boolean surrogates = Character.isSurrogate(x) != Character.isSurrogate(y);
                return surrogates ? (Character.isSurrogate(x) ? 1 : -1) : x - y;
            }
        }
        return a.length() - b.length();
    }

    /** Strips both, or one, end of a text: whitespace, or the characters of {@code chars}. */
    static String strip(String text, @Nullable String chars, boolean left, boolean right) {
        IntPredicate stripped = chars == null ? Strings::isSpace : c -> chars.indexOf(c) >= 0;
        int from = 0;
        int to = text.length();
        while (left && from < to && stripped.test(text.codePointAt(from))) {
            from += Character.charCount(text.codePointAt(from));
        }
        while (right && from < to && stripped.test(text.codePointBefore(to))) {
            to -= Character.charCount(text.codePointBefore(to));
        }
        return text.substring(from, to);
    }

    static String slice(Run run, String text, int size, int from, int to, int by) {
        if (by == 1 && from >= to) {
            return "";
        }
        if (by == 1) {
            int start = text.offsetByCodePoints(0, from);
            int end = text.offsetByCodePoints(start, to - from);
            run.charge(end - start);
            return text.substring(start, end);
        }
        run.charge(2L * size);
        int[] points = text.codePoints().toArray();
        StringBuilder out = new StringBuilder();
        for (long i = from; by > 0 ? i < to : i > to; i += by) {
            out.appendCodePoint(points[(int) i]);
        }
        return out.toString();
    }

    static String reverse(Run run, String text) {
        run.charge(text.length());
        return new StringBuilder(text).reverse().toString();
    }

    static String upper(Run run, String text) {
        run.charge(text.length());
        return text.toUpperCase(Locale.ROOT);
    }

    static String lower(Run run, String text) {
        run.charge(text.length());
        return text.toLowerCase(Locale.ROOT);
    }

    /** Makes the first character upper case and the others lower case. */
    static String capitalize(Run run, String text) {
        if (text.isEmpty()) {
            return text;
        }
        int first = Character.charCount(text.codePointAt(0));
        return titleCase(text.substring(0, first)) + lower(run, text.substring(first));
    }

    private static String titleCase(String character) {
        int c = character.codePointAt(0);
        int title = Character.toTitleCase(c);
        if (title != c || !Character.isLowerCase(c)) {
            return Character.toString(title);
        }
        // some letters have several as their upper case, of which only the first stays so
        String upper = character.toUpperCase(Locale.ROOT);
        int first = Character.charCount(upper.codePointAt(0));
        return upper.substring(0, first) + upper.substring(first).toLowerCase(Locale.ROOT);
    }

    /** The method {@code title}: every letter after something else than a letter begins a word. */
    static String title(Run run, String text) {
        run.charge(text.length());
        StringBuilder out = new StringBuilder();
        boolean inside = false;
        for (int i = 0; i < text.length(); ) {
            int c = text.codePointAt(i);
            String character = Character.toString(c);
            out.append(inside ? character.toLowerCase(Locale.ROOT) : titleCase(character));
            inside =
                    Character.isUpperCase(c)
                            || Character.isLowerCase(c)
                            || Character.isTitleCase(c);
            i += character.length();
        }
        return out.toString();
    }

    /** The filter {@code title}: words begin after whitespace, hyphens and opening brackets. */
    static String titleWords(Run run, String text) {
        run.charge(text.length());
        StringBuilder out = new StringBuilder();
        boolean inside = false;
        for (int i = 0; i < text.length(); ) {
            int c = text.codePointAt(i);
            String character = Character.toString(c);
            boolean gap = isSpace(c) || "-({[<".indexOf(c) >= 0;
            out.append(
                    inside
                            ? character.toLowerCase(Locale.ROOT)
                            : character.toUpperCase(Locale.ROOT));
            inside = !gap;
            i += character.length();
        }
        return out.toString();
    }

    static String swapCase(String text) {
        StringBuilder out = new StringBuilder();
        text.codePoints()
                .mapToObj(Character::toString)
                .forEach(
                        c ->
                                out.append(
                                        Character.isUpperCase(c.codePointAt(0))
                                                ? c.toLowerCase(Locale.ROOT)
                                                : c.toUpperCase(Locale.ROOT)));
        return out.toString();
    }

    static List<Object> splitLines(Run run, String text, boolean keepEnds) {
        run.charge(text.length());
        List<Object> lines = new ArrayList<>();
        int start = 0;
        for (int i = 0; i < text.length(); i++) {
            if (!isLineBreak(text.charAt(i))) {
                continue;
            }
            int end = i;
            if (text.startsWith("\r\n", i)) {
                i++;
            }
            run.chargePart(Run.ELEMENT);
            lines.add(text.substring(start, keepEnds ? i + 1 : end));
            start = i + 1;
        }
        if (start < text.length()) {
            lines.add(text.substring(start));
        }
        return lines;
    }

    private static boolean isLineBreak(char c) {
        return (c >= 0x0a && c <= 0x0d)
                || (c >= 0x1c && c <= 0x1e)
                || c == 0x85
                || c == 0x2028
                || c == 0x2029;
    }

    /** Splits at a separator, or at runs of whitespace if it is null. */
    static List<Object> split(Run run, String text, @Nullable String separator, int most) {
        run.charge(text.length());
        if (separator == null) {
            return splitWords(run, text, most);
        }
        if (separator.isEmpty()) {
            throw new Failure("empty separator");
        }
        List<Object> parts = new ArrayList<>();
        int start = 0;
        for (int place : new Finder(run, separator).all(text, most)) {
            run.chargePart(Run.ELEMENT);
            parts.add(text.substring(start, place));
            start = place + separator.length();
        }
        parts.add(text.substring(start));
        return parts;
    }

    private static List<Object> splitWords(Run run, String text, int most) {
        List<Object> words = new ArrayList<>();
        int i = 0;
        while (true) {
            while (i < text.length() && isSpace(text.charAt(i))) {
                i++;
            }
            if (i == text.length()) {
                return words;
            }
            run.chargePart(Run.ELEMENT);
            if (most >= 0 && words.size() == most) {
                words.add(strip(text.substring(i), null, false, true));
                return words;
            }
            int start = i;
            while (i < text.length() && !isSpace(text.charAt(i))) {
                i++;
            }
            words.add(text.substring(start, i));
        }
    }

    /** Splits as {@link #split}, counting from the end. */
    static List<Object> splitFromEnd(Run run, String text, @Nullable String separator, int most) {
        if (most < 0) {
            return split(run, text, separator, most);
        }
        List<Object> parts = new ArrayList<>();
        for (Object part :
                split(
                        run,
                        reverse(run, text),
                        separator == null ? null : reverse(run, separator),
                        most)) {
            parts.add(reverse(run, (String) part));
        }
        Collections.reverse(parts);
        return parts;
    }

    static String replace(Run run, String text, String old, String by, int most) {
        Output out = new Output(run);
        int start = 0;
        if (old.isEmpty()) {
            int left = most < 0 ? Integer.MAX_VALUE : most;
            while (left-- > 0) {
                out.add(by);
                if (start == text.length()) {
                    break;
                }
                int end = text.offsetByCodePoints(start, 1);
                out.add(text, start, end);
                start = end;
            }
        } else {
            for (int place : new Finder(run, old).all(text, most)) {
                out.add(text, start, place).add(by);
                start = place + old.length();
            }
        }
        return out.add(text, start, text.length()).toString();
    }

    /** The filter {@code indent}. */
    static String indent(Run run, String text, String indent, boolean first, boolean blank) {
        List<Object> lines = splitLines(run, text + "\n", false);
        Output out = new Output(run);
        for (int i = 0; i < lines.size(); i++) {
            String line = (String) lines.get(i);
            out.add(i > 0 ? "\n" : "");
            if (i == 0 ? first : blank || !line.isEmpty()) {
                out.add(indent);
            }
            out.add(line);
        }
        return out.toString();
    }

    static String escape(Run run, String text) {
        Output out = new Output(run);
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            switch (c) {
                case '&' -> out.add("&amp;");
                case '<' -> out.add("&lt;");
                case '>' -> out.add("&gt;");
                case '\'' -> out.add("&#39;");
                case '"' -> out.add("&#34;");
                default -> out.add(c);
            }
        }
        return out.toString();
    }

    /** Joins texts. */
    static String join(Run run, String separator, List<String> parts) {
        Output out = new Output(run);
        for (int i = 0; i < parts.size(); i++) {
            out.add(i > 0 ? separator : "").add(parts.get(i));
        }
        return out.toString();
    }

    /**
     * Fills a text up to a width.
     *
     * @param left whether to fill on the left
     * @param right whether to fill on the right; with both, as Python's {@code center}
     */
    static String pad(Run run, String text, int width, String fill, boolean left, boolean right) {
        int missing = width - text.codePointCount(0, text.length());
        if (missing <= 0) {
            return text;
        }
        run.charge((long) missing * fill.length() + text.length());
        int before = left ? missing : 0;
        if (left && right) {
            before = missing / 2 + (missing & width & 1);
        }
        return fill.repeat(before) + text + fill.repeat(missing - before);
    }
}
