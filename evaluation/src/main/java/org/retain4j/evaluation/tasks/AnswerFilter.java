package org.retain4j.evaluation.tasks;

import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * What makes an answer of a generated text, with the names of the harness's filters.
 *
 * @param name name in the results, such as {@code strict-match}
 * @param steps applied one after another
 */
record AnswerFilter(String name, List<Step> steps) {

    /** What the harness reports where no answer is found. */
    static final String INVALID = "[invalid]";

    /** The text as it is. */
    static final AnswerFilter NONE = new AnswerFilter("none", List.of());

    /** One change of a text. */
    interface Step {
        String apply(String text) throws TaskException;
    }

    AnswerFilter {
        steps = List.copyOf(steps);
    }

    String apply(String text) throws TaskException {
        String answer = text;
        for (Step step : steps) {
            answer = step.apply(answer);
        }
        return answer;
    }

    static AnswerFilter regex(String name, String regex, int select) {
        try {
            return new AnswerFilter(name, List.of(regex(regex, select, INVALID, name)));
        } catch (TaskException e) {
            throw new IllegalArgumentException("a built-in expression is wrong", e);
        }
    }

    /**
     * Takes a match, or of a match with groups the first that is not empty.
     *
     * @param select number of the match; negative ones count from the last
     */
    static Step regex(String regex, int select, String fallback, String where)
            throws TaskException {
        PythonPattern pattern = new PythonPattern(regex, where);
        return text -> {
            List<List<String>> matches = pattern.findAll(text);
            int at = select < 0 ? matches.size() + select : select;
            if (matches.isEmpty()) {
                return fallback;
            }
            if (at < 0 || at >= matches.size()) {
                return fallback;
            }
            List<String> groups = matches.get(at);
            if (groups.size() == 1) {
                return PythonText.strip(groups.get(0));
            }
            return groups.stream()
                    .filter(group -> !group.isEmpty())
                    .findFirst()
                    .map(PythonText::strip)
                    .orElse(fallback);
        };
    }

    /** Returns a step of the harness by its name, or null when it has no such name. */
    static @Nullable Step named(String function) {
        return switch (function) {
            case "take_first" -> text -> text;
            case "lowercase" -> text -> text.toLowerCase(Locale.ROOT);
            case "uppercase" -> text -> text.toUpperCase(Locale.ROOT);
            case "remove_whitespace" -> AnswerFilter::withoutLeadingSpace;
            default -> null;
        };
    }

    private static String withoutLeadingSpace(String text) {
        return text.startsWith(" ") ? text.substring(1) : text;
    }
}
