package org.retain4j.evaluation.tasks;

import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;

/** A regular expression as Python's {@code re} reads it, as far as the two dialects agree. */
final class PythonPattern {

    private final String source;
    private final Pattern pattern;

    /**
     * Reads an expression.
     *
     * @param where names it in messages
     */
    PythonPattern(String source, String where) throws TaskException {
        this.source = source;
        try {
            pattern =
                    Pattern.compile(
                            source.replace("(?P<", "(?<"),
                            // \d, \w and \s of Python know all of Unicode, and . only \n
                            Pattern.UNICODE_CHARACTER_CLASS | Pattern.UNIX_LINES);
        } catch (PatternSyntaxException e) {
            throw new TaskException(
                    where
                            + ": the regular expression \""
                            + source
                            + "\" is not well formed: "
                            + e.getDescription(),
                    e);
        }
    }

    /** Returns {@code re.findall}, each match as its groups, or the whole where there are none. */
    List<List<String>> findAll(String text) throws TaskException {
        List<List<String>> found = new ArrayList<>();
        try {
            Matcher matcher = pattern.matcher(new BoundedText(text));
            while (matcher.find()) {
                List<String> groups = new ArrayList<>();
                for (int g = 1; g <= matcher.groupCount(); g++) {
                    String group = matcher.group(g);
                    groups.add(group == null ? "" : group);
                }
                found.add(groups.isEmpty() ? List.of(matcher.group()) : groups);
            }
        } catch (BoundedText.TooLong | StackOverflowError e) {
            throw tooHard(e);
        }
        return found;
    }

    /** Returns {@code re.sub} with nothing in place of the matches. */
    String remove(String text) throws TaskException {
        try {
            return pattern.matcher(new BoundedText(text)).replaceAll("");
        } catch (BoundedText.TooLong | StackOverflowError e) {
            throw tooHard(e);
        }
    }

    private TaskException tooHard(Throwable e) {
        return new TaskException(
                "the regular expression \"" + source + "\" takes too long; make it simpler", e);
    }

    @Override
    public String toString() {
        return source;
    }
}
