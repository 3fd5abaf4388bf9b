package org.retain4j.core.text;

import com.fasterxml.jackson.databind.JsonNode;

/**
 * Refuses regular expressions with which matching can take time or memory without a useful bound.
 *
 * <p>The native library's engine (Oniguruma) backtracks and cannot be interrupted. The expressions
 * of published tokenizers are alternatives of character classes with a quantifier each; what these
 * do not need is refused: repeated groups, references and calls, more than {@value #MAX_UNBOUNDED}
 * unbounded repetitions in an alternative, and large counts. Fuller grammars are left to the
 * engine.
 */
final class RegexChecks {

    private static final int MAX_LENGTH = 5_000;
    private static final int MAX_UNBOUNDED = 2;
    private static final int MAX_COUNT = 64;

    private final String regex;
    private int at;
    private int unbounded;
    private int depth;
    private boolean atom;
    private boolean consumes;
    private boolean canBeEmpty;

    private RegexChecks(String regex) {
        this.regex = regex;
    }

    /** Returns what is wrong with a {@code pattern}, or an empty text. */
    static String problem(JsonNode pattern) {
        String regex = pattern.path("Regex").asText();
        if (regex.length() > MAX_LENGTH) {
            return "a regular expression of more than " + MAX_LENGTH + " characters";
        }
        return new RegexChecks(regex).problem();
    }

    /**
     * Returns what is wrong with the {@code pattern} of a replacement, or an empty text.
     *
     * <p>Replacing an empty match ends the JVM, so every alternative has to have something outside
     * of groups that takes up a character.
     */
    static String replacementProblem(JsonNode pattern) {
        String problem = problem(pattern);
        if (!problem.isEmpty()) {
            return problem;
        }
        RegexChecks checks = new RegexChecks(pattern.path("Regex").asText());
        checks.problem();
        checks.endAlternative();
        boolean isEmpty =
                pattern.has("Regex")
                        ? checks.canBeEmpty
                        : pattern.path("String").asText().isEmpty();
        return isEmpty ? "Replace with a pattern that matches the empty text" : "";
    }

    private void endAlternative() {
        endAtom();
        canBeEmpty |= !consumes;
        consumes = false;
        unbounded = 0;
    }

    private void endAtom() {
        consumes |= atom;
        atom = false;
    }

    private String problem() {
        boolean afterGroup = false;
        boolean afterQuantifier = false;
        while (at < regex.length()) {
            char c = regex.charAt(at++);
            boolean quantifier = c == '*' || c == '+' || c == '?' || c == '{';
            if (quantifier) {
                // A second sign makes the first lazy or possessive; a third would repeat it.
                if (afterQuantifier && (c == '{' || c == '*')) {
                    return "a regular expression that repeats a repetition";
                }
                if (afterGroup && c != '?') {
                    return "a regular expression that repeats a group";
                }
                if (!afterQuantifier && isOptional(c)) {
                    atom = false;
                }
                String counts = c == '{' ? counts() : "";
                if (!counts.isEmpty()) {
                    return counts;
                }
                if ((c == '*' || c == '+') && !afterQuantifier && ++unbounded > MAX_UNBOUNDED) {
                    return tooMany();
                }
                if (unbounded > MAX_UNBOUNDED) {
                    return tooMany();
                }
                afterGroup = false;
                afterQuantifier = !afterQuantifier;
                continue;
            }
            afterGroup = false;
            afterQuantifier = false;
            endAtom();
            atom = depth == 0 && "^$|()".indexOf(c) < 0;
            switch (c) {
                case '\\' -> {
                    char escaped = at < regex.length() ? regex.charAt(at++) : ' ';
                    if (escaped == 'g' || escaped == 'k' || (escaped >= '1' && escaped <= '9')) {
                        return "a regular expression with a reference to a group";
                    }
                    if ("bBAzZGyYK".indexOf(escaped) >= 0) {
                        atom = false;
                    }
                    if (escaped == 'X' || escaped == 'R') {
                        unbounded++;
                    }
                    if (unbounded > MAX_UNBOUNDED) {
                        return tooMany();
                    }
                }
                case '[' -> characterClass();
                case ')' -> {
                    afterGroup = true;
                    depth--;
                }
                case '|' -> {
                    if (depth == 0) {
                        endAlternative();
                    }
                }
                case '(' -> {
                    depth++;
                    if (regex.startsWith("?~", at) || regex.startsWith("?(", at)) {
                        return "a regular expression with an absent or conditional group";
                    }
                    // The sign after it belongs to the group and repeats nothing.
                    if (regex.startsWith("?", at)) {
                        at++;
                    }
                }
                default -> {}
            }
        }
        return "";
    }

    private boolean isOptional(char quantifier) {
        char next = at < regex.length() ? regex.charAt(at) : ' ';
        return quantifier == '{' ? next == '0' || next == ',' : quantifier != '+';
    }

    private static String tooMany() {
        return "a regular expression with more than "
                + MAX_UNBOUNDED
                + " unbounded repetitions in a row";
    }

    /** Skips a class in brackets, classes within it included. */
    private void characterClass() {
        int depth = 1;
        // A bracket that closes at once stands for itself.
        if (regex.startsWith("^", at)) {
            at++;
        }
        if (regex.startsWith("]", at)) {
            at++;
        }
        while (at < regex.length() && depth > 0) {
            switch (regex.charAt(at++)) {
                case '\\' -> at++;
                case '[' -> depth++;
                case ']' -> depth--;
                default -> {}
            }
        }
    }

    /** Reads what follows a brace, which is a quantifier or stands for itself. */
    private String counts() {
        int end = regex.indexOf('}', at);
        String inside = end < 0 ? "" : regex.substring(at, end);
        if (!inside.matches("[0-9]*,?[0-9]*") || inside.isEmpty()) {
            return "";
        }
        at = end + 1;
        for (String count : inside.split(",")) {
            if (count.length() > 3 || (!count.isEmpty() && Integer.parseInt(count) > MAX_COUNT)) {
                return "a regular expression with a count above " + MAX_COUNT;
            }
        }
        if (inside.endsWith(",")) {
            unbounded++;
        }
        return "";
    }
}
