package org.retain4j.finetune.optim;

import java.util.Collection;
import java.util.List;
import java.util.Locale;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;
import org.retain4j.core.nn.Parameter;

/**
 * Chooses parameters by name.
 *
 * <p>{@code model.layers.3} fits this name and all below it; {@code *} stands for any characters
 * and {@code ?} for one ({@code *.mlp.*}); {@code regex:} starts a regular expression for the whole
 * name. Immutable, safe for all threads.
 */
public final class NamePattern {

    private static final String REGEX = "regex:";

    private final String text;
    private final Pattern pattern;

    private NamePattern(String text, Pattern pattern) {
        this.text = text;
        this.pattern = pattern;
    }

    /**
     * Reads a pattern.
     *
     * @throws IllegalArgumentException if it is empty or no regular expression
     */
    public static NamePattern of(String text) {
        if (text.isBlank()) {
            throw new IllegalArgumentException("a name pattern is empty; write * for all");
        }
        if (text.startsWith(REGEX)) {
            try {
                return new NamePattern(text, Pattern.compile(text.substring(REGEX.length())));
            } catch (PatternSyntaxException e) {
                throw new IllegalArgumentException(
                        "the name pattern " + text + " is no regular expression: " + e.getMessage(),
                        e);
            }
        }
        StringBuilder regex = new StringBuilder();
        for (char c : text.toCharArray()) {
            regex.append(c == '*' ? ".*" : c == '?' ? "." : Pattern.quote(String.valueOf(c)));
        }
        return new NamePattern(text, Pattern.compile(regex + "(\\..*)?", Pattern.DOTALL));
    }

    /** Returns whether a name fits. */
    public boolean matches(String name) {
        return pattern.matcher(name).matches();
    }

    /**
     * Refuses a pattern that fits none of the parameters.
     *
     * @throws IllegalArgumentException if so; the message names the parameter that is most like it
     */
    public void requireMatch(List<Parameter> parameters) {
        requireMatchAmong(parameters.stream().map(Parameter::name).toList());
    }

    /**
     * Refuses a pattern that fits none of the names of parameters.
     *
     * @throws IllegalArgumentException if so; the message names the one that is most like it
     */
    public void requireMatchAmong(Collection<String> names) {
        if (names.stream().anyMatch(this::matches)) {
            return;
        }
        String nearest = "";
        int best = Integer.MAX_VALUE;
        for (String name : names) {
            for (int end = name.length(); end > 0; end = name.lastIndexOf('.', end - 1)) {
                int distance = distance(text.toLowerCase(Locale.ROOT), name.substring(0, end));
                if (distance < best) {
                    best = distance;
                    nearest = name.substring(0, end);
                }
            }
        }
        throw new IllegalArgumentException(
                "the name pattern " + text + " fits no parameter; did you mean " + nearest + "?");
    }

    /** Number of inserted, left out or changed characters; a star inserts any number. */
    private static int distance(String pattern, String name) {
        int[] row = new int[name.length() + 1];
        for (int j = 0; j < row.length; j++) {
            row[j] = j;
        }
        for (int i = 0; i < pattern.length(); i++) {
            boolean star = pattern.charAt(i) == '*';
            int diagonal = row[0];
            row[0] += star ? 0 : 1;
            for (int j = 1; j < row.length; j++) {
                int above = row[j];
                row[j] =
                        star
                                ? Math.min(above, row[j - 1])
                                : Math.min(
                                        Math.min(above, row[j - 1]) + 1,
                                        diagonal
                                                + (pattern.charAt(i) == name.charAt(j - 1)
                                                        ? 0
                                                        : 1));
                diagonal = above;
            }
        }
        return row[name.length()];
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof NamePattern pattern && text.equals(pattern.text);
    }

    @Override
    public int hashCode() {
        return text.hashCode();
    }

    /** Returns the pattern as it was written. */
    @Override
    public String toString() {
        return text;
    }
}
