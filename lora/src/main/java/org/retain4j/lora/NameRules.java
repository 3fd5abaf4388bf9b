package org.retain4j.lora;

import java.util.Collection;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;
import org.jspecify.annotations.Nullable;

/** Which modules a configuration means, by PEFT's rules. */
final class NameRules {

    private static final int LONGEST_PATTERN = 10_000;
    private static final int MOST_READS = 200_000;
    private static final Pattern LAYER = Pattern.compile(".*?\\.[^.]*\\.(\\d+)\\..*");

    private NameRules() {}

    /**
     * Returns whether a module gets an adapter.
     *
     * @param linear whether it is a linear layer other than the output head
     * @throws IllegalArgumentException if an expression is not one or takes too long
     */
    static boolean isTarget(LoraConfig config, Targets targets, String module, boolean linear) {
        Targets excluded = config.excludeModules();
        if (excluded != null && isListed(excluded, module)) {
            return false;
        }
        if (config.modulesToSave().stream().anyMatch(m -> isBelow(module, m))) {
            return false;
        }
        if (targets.isAllLinear()) {
            return linear;
        }
        List<String> names = targets.names();
        if (names == null || names.contains(module)) {
            return isListed(targets, module);
        }
        return targets.isNamed(module) && isInLayers(config, module);
    }

    private static boolean isListed(Targets targets, String module) {
        String pattern = targets.pattern();
        return pattern == null ? targets.isNamed(module) : matches(pattern, module);
    }

    private static boolean isBelow(String module, String part) {
        return ("." + module + ".").contains("." + part + ".");
    }

    private static boolean isInLayers(LoraConfig config, String module) {
        List<Integer> layers = config.layersToTransform();
        if (layers == null || layers.isEmpty()) {
            return true;
        }
        Matcher found = null;
        if (config.layersPattern().isEmpty()) {
            found = LAYER.matcher(module);
        } else {
            for (String pattern : config.layersPattern()) {
                found = matcher("(?:^|.*?\\.)" + pattern + "\\.(\\d+)\\..*", module);
                if (found.matches()) {
                    break;
                }
            }
        }
        if (found == null || !found.matches()) {
            return false;
        }
        String number = found.group(found.groupCount());
        return number.length() < 9 && layers.contains(Integer.valueOf(number));
    }

    /** Returns the first of the expressions that fits the end of a name, or null. */
    static @Nullable String patternFor(Collection<String> patterns, String module) {
        for (String pattern : patterns) {
            if (matches("(.*\\.)?(" + pattern + ")", module)) {
                return pattern;
            }
        }
        return null;
    }

    static boolean matches(String pattern, String text) {
        try {
            return matcher(pattern, text).matches();
        } catch (StackOverflowError e) {
            throw new IllegalArgumentException(
                    "the expression \"" + shortened(pattern) + "\" takes too long; simplify it", e);
        }
    }

    private static Matcher matcher(String pattern, String text) {
        if (pattern.length() > LONGEST_PATTERN) {
            throw new IllegalArgumentException(
                    "an expression of "
                            + pattern.length()
                            + " characters is longer than "
                            + LONGEST_PATTERN);
        }
        try {
            return Pattern.compile(pattern).matcher(new Metered(pattern, text));
        } catch (PatternSyntaxException | StackOverflowError e) {
            throw new IllegalArgumentException(
                    "\"" + shortened(pattern) + "\" is no regular expression", e);
        }
    }

    private static String shortened(String text) {
        return text.length() > 120 ? text.substring(0, 120) + "…" : text;
    }

    /** A text that stops an expression which backtracks without end: files may hold such ones. */
    private static final class Metered implements CharSequence {
        private final String pattern;
        private final String text;
        private int reads;

        private Metered(String pattern, String text) {
            this.pattern = pattern;
            this.text = text;
        }

        @Override
        public char charAt(int index) {
            if (++reads > MOST_READS) {
                throw new IllegalArgumentException(
                        "the expression \""
                                + shortened(pattern)
                                + "\" takes too long; simplify it");
            }
            return text.charAt(index);
        }

        @Override
        public int length() {
            return text.length();
        }

        @Override
        public CharSequence subSequence(int start, int end) {
            return text.subSequence(start, end);
        }

        @Override
        public String toString() {
            return text;
        }
    }
}
