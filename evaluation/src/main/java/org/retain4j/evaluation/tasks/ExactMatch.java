package org.retain4j.evaluation.tasks;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * Whether answer and reference are the same text after both were simplified, as the harness's
 * {@code exact_match} does.
 *
 * @param ignored what is removed from both first, in this order
 * @param ignoreCase whether both are put into lower case
 * @param ignorePunctuation whether ASCII punctuation is removed
 */
record ExactMatch(List<PythonPattern> ignored, boolean ignoreCase, boolean ignorePunctuation) {

    static final String NAME = "exact_match";

    private static final String PUNCTUATION = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";

    /** What is ignored in the answers of GSM8K. */
    static final List<String> NUMBERS = List.of(",", "\\$", "(?s).*#### ", "\\.$");

    static ExactMatch of(
            List<String> regexes, boolean ignoreCase, boolean ignorePunctuation, String where)
            throws TaskException {
        List<PythonPattern> patterns = new ArrayList<>();
        for (String regex : regexes) {
            patterns.add(new PythonPattern(regex, where));
        }
        return new ExactMatch(patterns, ignoreCase, ignorePunctuation);
    }

    /** Returns a metric that compares with the target of the item. */
    static AnswerMetric numbers() {
        try {
            return of(NUMBERS, true, false, NAME).metric();
        } catch (TaskException e) {
            throw new IllegalArgumentException("a built-in expression is wrong", e);
        }
    }

    AnswerMetric metric() {
        return new AnswerMetric(
                NAME, true, (answer, item) -> matches(answer, item.target()) ? 1 : 0);
    }

    boolean matches(String answer, String reference) throws TaskException {
        return simplified(answer).equals(simplified(reference));
    }

    private String simplified(String text) throws TaskException {
        String simple = text;
        for (PythonPattern pattern : ignored) {
            simple = pattern.remove(simple);
        }
        if (ignoreCase) {
            simple = simple.toLowerCase(Locale.ROOT);
        }
        if (ignorePunctuation) {
            StringBuilder rest = new StringBuilder();
            simple.chars()
                    .filter(c -> PUNCTUATION.indexOf(c) < 0)
                    .forEach(c -> rest.append((char) c));
            simple = rest.toString();
        }
        return simple;
    }
}
