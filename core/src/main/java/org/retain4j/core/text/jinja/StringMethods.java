package org.retain4j.core.text.jinja;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.IntPredicate;
import org.jspecify.annotations.Nullable;

/** The methods of Python's {@code str}. */
final class StringMethods {

    private interface Method {
        Object call(Run run, String text, Args args);
    }

    private static final Map<String, Method> METHODS = new HashMap<>();

    static {
        METHODS.put("upper", (run, s, args) -> Strings.upper(run, s));
        METHODS.put("lower", (run, s, args) -> Strings.lower(run, s));
        METHODS.put("casefold", (run, s, args) -> Strings.lower(run, Strings.upper(run, s)));
        METHODS.put("title", (run, s, args) -> Strings.title(run, s));
        METHODS.put("capitalize", (run, s, args) -> Strings.capitalize(run, s));
        METHODS.put("swapcase", (run, s, args) -> Strings.swapCase(s));
        METHODS.put("strip", (run, s, args) -> strip(run, s, args, "strip", true, true));
        METHODS.put("lstrip", (run, s, args) -> strip(run, s, args, "lstrip", true, false));
        METHODS.put("rstrip", (run, s, args) -> strip(run, s, args, "rstrip", false, true));
        METHODS.put("split", (run, s, args) -> split(run, s, args, false));
        METHODS.put("rsplit", (run, s, args) -> split(run, s, args, true));
        METHODS.put(
                "splitlines",
                (run, s, args) -> {
                    Object keep = args.bind("splitlines", 0, "keepends")[0];
                    return Strings.splitLines(run, s, keep != null && Values.truth(keep));
                });
        METHODS.put("startswith", (run, s, args) -> affix(s, args, "startswith", true));
        METHODS.put("endswith", (run, s, args) -> affix(s, args, "endswith", false));
        METHODS.put("replace", StringMethods::replace);
        METHODS.put("join", StringMethods::join);
        METHODS.put("find", (run, s, args) -> find(run, s, args, "find", false));
        METHODS.put("rfind", (run, s, args) -> find(run, s, args, "rfind", true));
        METHODS.put("index", (run, s, args) -> index(find(run, s, args, "index", false)));
        METHODS.put("rindex", (run, s, args) -> index(find(run, s, args, "rindex", true)));
        METHODS.put("count", StringMethods::count);
        METHODS.put("format", StringFormat::format);
        METHODS.put("partition", (run, s, args) -> partition(run, s, args, false));
        METHODS.put("rpartition", (run, s, args) -> partition(run, s, args, true));
        METHODS.put(
                "removeprefix",
                (run, s, args) -> {
                    String prefix = text(args, "removeprefix");
                    return s.startsWith(prefix) ? s.substring(prefix.length()) : s;
                });
        METHODS.put(
                "removesuffix",
                (run, s, args) -> {
                    String suffix = text(args, "removesuffix");
                    return s.endsWith(suffix) ? s.substring(0, s.length() - suffix.length()) : s;
                });
        METHODS.put("ljust", (run, s, args) -> pad(run, s, args, "ljust", false, true));
        METHODS.put("rjust", (run, s, args) -> pad(run, s, args, "rjust", true, false));
        METHODS.put("center", (run, s, args) -> pad(run, s, args, "center", true, true));
        METHODS.put("zfill", StringMethods::zeroFill);
        METHODS.put("expandtabs", StringMethods::expandTabs);
        METHODS.put("isspace", (run, s, args) -> all(s, Strings::isSpace));
        METHODS.put("isalpha", (run, s, args) -> all(s, Character::isLetter));
        METHODS.put("isdecimal", (run, s, args) -> all(s, Character::isDigit));
        METHODS.put("isdigit", (run, s, args) -> all(s, StringMethods::isDigit));
        METHODS.put("isnumeric", (run, s, args) -> all(s, StringMethods::isNumeric));
        METHODS.put(
                "isalnum", (run, s, args) -> all(s, c -> Character.isLetter(c) || isNumeric(c)));
        METHODS.put("isascii", (run, s, args) -> s.isEmpty() || all(s, c -> c < 128));
        METHODS.put("isprintable", (run, s, args) -> s.isEmpty() || all(s, Strings::isPrintable));
        METHODS.put("islower", (run, s, args) -> isLower(s));
        METHODS.put("isupper", (run, s, args) -> isUpper(s));
        METHODS.put(
                "istitle",
                (run, s, args) ->
                        s.codePoints()
                                        .anyMatch(
                                                c ->
                                                        Character.isUpperCase(c)
                                                                || Character.isTitleCase(c))
                                && Strings.title(run, s).equals(s));
        METHODS.put(
                "isidentifier",
                (run, s, args) ->
                        !s.isEmpty()
                                && Lexer.isNameStart(s.codePointAt(0))
                                && all(s, Lexer::isNamePart));
        for (String name : List.of("encode", "translate", "maketrans", "format_map")) {
            METHODS.put(
                    name,
                    (run, s, args) -> {
                        throw new Failure("the method " + name + " of texts is not supported");
                    });
        }
    }

    private StringMethods() {}

    /** Returns a method with its text, or null if there is none of that name. */
    static @Nullable Callable find(String text, String name) {
        Method method = METHODS.get(name);
        return method == null
                ? null
                : new Callable.Function(name, (run, args) -> method.call(run, text, args));
    }

    private static String string(@Nullable Object value, String function) {
        if (value instanceof String text) {
            return text;
        }
        if (value != null) {
            Values.failIfUndefined(value);
        }
        throw new Failure(
                function
                        + "() argument must be str, not "
                        + (value == null ? "missing" : Values.typeName(value)));
    }

    private static String text(Args args, String function) {
        return string(args.bind(function, 1, "text")[0], function);
    }

    private static int integer(@Nullable Object value, int absent, String function) {
        return value == null || value == None.NONE
                ? absent
                : Values.integer(value, "an argument of " + function + "()");
    }

    private static String strip(
            Run run, String text, Args args, String name, boolean left, boolean right) {
        run.charge(text.length());
        Object chars = args.bind(name, 0, "chars")[0];
        String set = chars == null || chars == None.NONE ? null : string(chars, name);
        run.work(set == null ? 0 : (long) text.length() * Math.min(64, set.length()));
        return Strings.strip(text, set, left, right);
    }

    private static Object split(Run run, String text, Args args, boolean fromEnd) {
        String name = fromEnd ? "rsplit" : "split";
        @Nullable Object[] bound = args.bind(name, 0, "sep", "maxsplit");
        String separator =
                bound[0] == null || bound[0] == None.NONE ? null : string(bound[0], name);
        int most = integer(bound[1], -1, name);
        return fromEnd
                ? Strings.splitFromEnd(run, text, separator, most)
                : Strings.split(run, text, separator, most);
    }

    /** The part of a text that the optional arguments start and end leave, or null if none. */
    private static int @Nullable [] range(
            String text, @Nullable Object start, @Nullable Object end, String name) {
        if (start == null && end == null) {
            return new int[] {0, text.length()};
        }
        int size = text.codePointCount(0, text.length());
        int from = integer(start, 0, name);
        int to = integer(end, size, name);
        from = from < 0 ? Math.max(0, from + size) : from;
        to = to < 0 ? Math.max(0, to + size) : Math.min(to, size);
        if (from > to) {
            return null;
        }
        return new int[] {text.offsetByCodePoints(0, from), text.offsetByCodePoints(0, to)};
    }

    private static Object affix(String text, Args args, String name, boolean start) {
        @Nullable Object[] bound = args.bind(name, 1, "affix", "start", "end");
        int[] range = range(text, bound[1], bound[2], name);
        if (range == null) {
            return false;
        }
        String part = text.substring(range[0], range[1]);
        List<?> candidates =
                bound[0] instanceof Tuple tuple ? tuple : List.of(string(bound[0], name));
        for (Object candidate : candidates) {
            String affix = string(candidate, name);
            if (start ? part.startsWith(affix) : part.endsWith(affix)) {
                return true;
            }
        }
        return false;
    }

    private static Object replace(Run run, String text, Args args) {
        @Nullable Object[] bound = args.bind("replace", 2, "old", "new", "count");
        return Strings.replace(
                run,
                text,
                string(bound[0], "replace"),
                string(bound[1], "replace"),
                integer(bound[2], -1, "replace"));
    }

    private static Object join(Run run, String separator, Args args) {
        Object items = args.bind("join", 1, "iterable")[0];
        List<String> parts = new ArrayList<>();
        for (Object item : Values.iterate(run, items == null ? None.NONE : items)) {
            Values.failIfUndefined(item);
            if (!(item instanceof String part)) {
                throw new Failure(
                        "sequence item "
                                + parts.size()
                                + ": expected str instance, "
                                + Values.typeName(item)
                                + " found");
            }
            parts.add(part);
        }
        return Strings.join(run, separator, parts);
    }

    private static long find(Run run, String text, Args args, String name, boolean last) {
        @Nullable Object[] bound = args.bind(name, 1, "sub", "start", "end");
        String part = string(bound[0], name);
        int[] range = range(text, bound[1], bound[2], name);
        if (range == null) {
            return -1;
        }
        String haystack = text.substring(range[0], range[1]);
        int place;
        if (last) {
            place =
                    new Finder(run, Strings.reverse(run, part))
                            .next(Strings.reverse(run, haystack), 0);
            place = place < 0 ? -1 : haystack.length() - place - part.length();
        } else {
            place = new Finder(run, part).next(haystack, 0);
        }
        return place < 0 ? -1 : text.codePointCount(0, range[0] + place);
    }

    private static Object index(long place) {
        if (place < 0) {
            throw new Failure("substring not found");
        }
        return place;
    }

    private static Object count(Run run, String text, Args args) {
        @Nullable Object[] bound = args.bind("count", 1, "sub", "start", "end");
        String part = string(bound[0], "count");
        int[] range = range(text, bound[1], bound[2], "count");
        if (range == null) {
            return 0L;
        }
        String haystack = text.substring(range[0], range[1]);
        return part.isEmpty()
                ? haystack.codePointCount(0, haystack.length()) + 1L
                : (long) new Finder(run, part).all(haystack, -1).size();
    }

    private static Object partition(Run run, String text, Args args, boolean last) {
        String separator = text(args, "partition");
        List<Object> parts =
                last
                        ? Strings.splitFromEnd(run, text, separator, 1)
                        : Strings.split(run, text, separator, 1);
        if (parts.size() == 2) {
            return Tuple.of(parts.get(0), separator, parts.get(1));
        }
        return last ? Tuple.of("", "", text) : Tuple.of(text, "", "");
    }

    private static Object pad(
            Run run, String text, Args args, String name, boolean left, boolean right) {
        @Nullable Object[] bound = args.bind(name, 1, "width", "fillchar");
        String fill = bound[1] == null ? " " : string(bound[1], name);
        if (fill.codePointCount(0, fill.length()) != 1) {
            throw new Failure("the fill character must be exactly one character long");
        }
        return Strings.pad(run, text, integer(bound[0], 0, name), fill, left, right);
    }

    private static Object zeroFill(Run run, String text, Args args) {
        int width = integer(args.bind("zfill", 1, "width")[0], 0, "zfill");
        boolean signed = text.startsWith("-") || text.startsWith("+");
        String digits = signed ? text.substring(1) : text;
        String sign = signed ? text.substring(0, 1) : "";
        return sign + Strings.pad(run, digits, width - sign.length(), "0", true, false);
    }

    private static Object expandTabs(Run run, String text, Args args) {
        int size = integer(args.bind("expandtabs", 0, "tabsize")[0], 8, "expandtabs");
        Output out = new Output(run);
        int column = 0;
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (c == '\t') {
                int missing = size > 0 ? size - column % size : 0;
                out.repeat(" ", missing);
                column += missing;
            } else {
                out.add(c);
                boolean second = Character.isLowSurrogate(c);
                column = c == '\n' || c == '\r' ? 0 : second ? column : column + 1;
            }
        }
        return out.toString();
    }

    private static boolean all(String text, IntPredicate test) {
        return !text.isEmpty() && text.codePoints().allMatch(test);
    }

    private static boolean isDigit(int c) {
        // superscript and circled digits, which Java does not count
        return Character.isDigit(c)
                || (Character.getType(c) == Character.OTHER_NUMBER
                        && Character.getNumericValue(c) >= 0
                        && Character.getNumericValue(c) < 10);
    }

    private static boolean isNumeric(int c) {
        int type = Character.getType(c);
        return type == Character.DECIMAL_DIGIT_NUMBER
                || type == Character.LETTER_NUMBER
                || type == Character.OTHER_NUMBER;
    }

    /** Returns whether a text has cased letters, all of them lower case. */
    static boolean isLower(String text) {
        return text.codePoints().anyMatch(Character::isLowerCase)
                && text.codePoints()
                        .noneMatch(c -> Character.isUpperCase(c) || Character.isTitleCase(c));
    }

    /** Returns whether a text has cased letters, all of them upper case. */
    static boolean isUpper(String text) {
        return text.codePoints().anyMatch(Character::isUpperCase)
                && text.codePoints()
                        .noneMatch(c -> Character.isLowerCase(c) || Character.isTitleCase(c));
    }
}
