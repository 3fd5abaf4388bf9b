package org.retain4j.core.text.jinja;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.math.RoundingMode;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Jinja's filters for single values; those for lists are in {@link SequenceFilters}. */
final class Filters {

    interface Filter {
        Object apply(Run run, Object value, Args args);
    }

    private static final Set<String> UNSUPPORTED =
            Set.of(
                    "filesizeformat",
                    "pprint",
                    "random",
                    "striptags",
                    "urlize",
                    "wordwrap",
                    "xmlattr");

    private static final Map<String, Filter> FILTERS = new HashMap<>(SequenceFilters.FILTERS);

    static {
        FILTERS.put("tojson", Json::filter);
        FILTERS.put("upper", (run, v, args) -> Strings.upper(run, text(run, v)));
        FILTERS.put("lower", (run, v, args) -> Strings.lower(run, text(run, v)));
        FILTERS.put("title", (run, v, args) -> Strings.titleWords(run, text(run, v)));
        FILTERS.put("capitalize", (run, v, args) -> Strings.capitalize(run, text(run, v)));
        FILTERS.put("string", (run, v, args) -> text(run, v));
        FILTERS.put("safe", (run, v, args) -> text(run, v));
        FILTERS.put("escape", (run, v, args) -> Strings.escape(run, text(run, v)));
        FILTERS.put("e", (run, v, args) -> Strings.escape(run, text(run, v)));
        FILTERS.put("forceescape", (run, v, args) -> Strings.escape(run, text(run, v)));
        FILTERS.put("trim", Filters::trim);
        FILTERS.put("replace", Filters::replace);
        FILTERS.put("indent", Filters::indent);
        FILTERS.put("format", Filters::format);
        FILTERS.put("center", Filters::center);
        FILTERS.put("truncate", Filters::truncate);
        FILTERS.put("wordcount", Filters::wordCount);
        FILTERS.put("urlencode", Filters::urlEncode);
        FILTERS.put("default", Filters::defaultValue);
        FILTERS.put("d", Filters::defaultValue);
        FILTERS.put("int", Filters::toInt);
        FILTERS.put("float", Filters::toFloat);
        FILTERS.put("round", Filters::round);
        FILTERS.put("abs", Filters::absolute);
        FILTERS.put("attr", Filters::attribute);
    }

    private Filters() {}

    static boolean has(String name) {
        return FILTERS.containsKey(name);
    }

    static Object apply(Run run, String name, Object value, Args args) {
        Filter filter = FILTERS.get(name);
        if (filter == null) {
            throw new Failure(
                    UNSUPPORTED.contains(name)
                            ? "the filter '" + name + "' is not supported in chat templates"
                            : "No filter named '" + name + "'.");
        }
        return filter.apply(run, value, args);
    }

    static String text(Run run, Object value) {
        return Values.text(run, value);
    }

    /** Returns an argument, or the value that stands for one that is not given. */
    static Object or(@Nullable Object value, Object absent) {
        return value == null ? absent : value;
    }

    private static Object trim(Run run, Object value, Args args) {
        Object chars = or(args.bind("trim", 0, "chars")[0], None.NONE);
        String text = text(run, value);
        run.charge(text.length());
        if (chars != None.NONE && !(chars instanceof String)) {
            throw new Failure("strip arg must be None or str");
        }
        return Strings.strip(text, chars instanceof String set ? set : null, true, true);
    }

    private static Object replace(Run run, Object value, Args args) {
        @Nullable Object[] bound = args.bind("replace", 2, "old", "new", "count");
        Object count = or(bound[2], None.NONE);
        return Strings.replace(
                run,
                text(run, value),
                text(run, or(bound[0], "")),
                text(run, or(bound[1], "")),
                count == None.NONE ? -1 : Values.integer(count, "the count of replace"));
    }

    private static Object indent(Run run, Object value, Args args) {
        @Nullable Object[] bound = args.bind("indent", 0, "width", "first", "blank");
        String indent;
        if (bound[0] instanceof String text) {
            indent = text;
        } else {
            int width = Math.max(0, Values.integer(or(bound[0], 4L), "the width of indent"));
            run.charge(width);
            indent = " ".repeat(width);
        }
        return Strings.indent(
                run,
                text(run, value),
                indent,
                Values.truth(or(bound[1], false)),
                Values.truth(or(bound[2], false)));
    }

    private static Object format(Run run, Object value, Args args) {
        if (!args.positional().isEmpty() && !args.named().isEmpty()) {
            throw new Failure("can't handle positional and keyword arguments at the same time");
        }
        Object arguments = Tuple.of(args.positional());
        if (!args.named().isEmpty()) {
            Dict dict = new Dict();
            args.named().forEach((key, item) -> dict.put(run, key, item));
            arguments = dict;
        }
        return Printf.format(run, text(run, value), arguments);
    }

    private static Object center(Run run, Object value, Args args) {
        Object width = or(args.bind("center", 0, "width")[0], 80L);
        int columns = Values.integer(width, "the width of center");
        return Strings.pad(run, text(run, value), columns, " ", true, true);
    }

    private static Object truncate(Run run, Object value, Args args) {
        @Nullable Object[] bound = args.bind("truncate", 0, "length", "killwords", "end", "leeway");
        String text = text(run, value);
        int length = Values.integer(or(bound[0], 255L), "the length of truncate");
        String end = text(run, or(bound[2], "..."));
        int leeway = Values.integer(or(bound[3], 5L), "the leeway of truncate");
        int size = Values.length(text);
        if (length < Values.length(end)) {
            throw new Failure("expected length >= " + Values.length(end) + ", got " + length);
        }
        if (size <= (long) length + leeway) {
            return text;
        }
        String cut = text.substring(0, text.offsetByCodePoints(0, length - Values.length(end)));
        int space = cut.lastIndexOf(' ');
        boolean whole = Values.truth(or(bound[1], false)) || space < 0;
        run.charge(text.length());
        return (whole ? cut : cut.substring(0, space)) + end;
    }

    private static Object wordCount(Run run, Object value, Args args) {
        String text = text(run, value);
        run.work(text.length());
        long count = 0;
        boolean inside = false;
        for (int i = 0; i < text.length(); i++) {
            boolean word = Character.isLetterOrDigit(text.charAt(i)) || text.charAt(i) == '_';
            count += word && !inside ? 1 : 0;
            inside = word;
        }
        return count;
    }

    private static Object urlEncode(Run run, Object value, Args args) {
        if (!(value instanceof String) && Values.iterable(value)) {
            throw new Failure("the filter urlencode is supported for texts only");
        }
        String text = text(run, value);
        run.charge(9L * text.length());
        return URLEncoder.encode(text, StandardCharsets.UTF_8)
                .replace("+", "%20")
                .replace("*", "%2A")
                .replace("%7E", "~")
                .replace("%2F", "/");
    }

    private static Object defaultValue(Run run, Object value, Args args) {
        @Nullable Object[] bound = args.bind("default", 0, "default_value", "boolean");
        boolean replaced =
                value instanceof Undefined
                        || (Values.truth(or(bound[1], false)) && !Values.truth(value));
        return replaced ? or(bound[0], "") : value;
    }

    private static Object toInt(Run run, Object value, Args args) {
        @Nullable Object[] bound = args.bind("int", 0, "default", "base");
        Object otherwise = or(bound[0], 0L);
        if (Numbers.isInt(value)) {
            return Numbers.normal(Numbers.big(value));
        }
        if (value instanceof Double number) {
            return Double.isFinite(number) ? Numbers.truncate(number) : otherwise;
        }
        Values.failIfUndefined(value);
        if (!(value instanceof String text)) {
            return otherwise;
        }
        Object whole = parseInt(text, Values.integer(or(bound[1], 10L), "the base of int"));
        if (whole != null) {
            return whole;
        }
        Double real = parseFloat(text);
        return real == null || !Double.isFinite(real) ? otherwise : Numbers.truncate(real);
    }

    private static @Nullable Object parseInt(String text, int base) {
        String digits =
                Strings.strip(text, null, true, true)
                        .replaceAll("(?<=[0-9a-zA-Z])_(?=[0-9a-zA-Z])", "");
        boolean signed = digits.startsWith("-") || digits.startsWith("+");
        String body = signed ? digits.substring(1) : digits;
        String prefix = base == 16 ? "0[xX]" : base == 8 ? "0[oO]" : base == 2 ? "0[bB]" : "";
        if (!prefix.isEmpty()) {
            body = body.replaceFirst("^" + prefix, "");
        }
        if (body.isEmpty() || body.length() > 4300 || base < 2 || base > 36) {
            return null;
        }
        if (body.startsWith("-") || body.startsWith("+")) {
            return null;
        }
        try {
            BigInteger number = new BigInteger(body, base);
            return Numbers.normal(digits.startsWith("-") ? number.negate() : number);
        } catch (NumberFormatException e) {
            return null;
        }
    }

    private static @Nullable Double parseFloat(String text) {
        String number = Strings.strip(text, null, true, true);
        if (number.matches("(?i)[-+]?(inf|infinity|nan)")) {
            double size =
                    number.toLowerCase(java.util.Locale.ROOT).endsWith("n")
                            ? Double.NaN
                            : Double.POSITIVE_INFINITY;
            return number.startsWith("-") ? -size : size;
        }
        if (number.length() > 5000
                || !number.matches(
                        "[-+]?([0-9]++(_[0-9]++)*+\\.?[0-9_]*+|\\.[0-9][0-9_]*+)([eE][-+]?[0-9]++)?")) {
            return null;
        }
        return Double.valueOf(number.replace("_", ""));
    }

    private static Object toFloat(Run run, Object value, Args args) {
        Object otherwise = or(args.bind("float", 0, "default")[0], 0.0);
        if (Numbers.is(value)) {
            return Numbers.real(value);
        }
        Values.failIfUndefined(value);
        Double number = value instanceof String text ? parseFloat(text) : null;
        return number == null ? otherwise : number;
    }

    private static Object round(Run run, Object value, Args args) {
        @Nullable Object[] bound = args.bind("round", 0, "precision", "method");
        int precision = Values.integer(or(bound[0], 0L), "the precision of round");
        Object method = or(bound[1], "common");
        Values.failIfUndefined(value);
        if (!Numbers.is(value)) {
            throw new Failure(
                    "type " + Values.typeName(value) + " doesn't define __round__ method");
        }
        if (method.equals("common")) {
            return value instanceof Double number
                    ? (Object) Numbers.round(number, precision)
                    : roundInt(Numbers.big(value), precision);
        }
        if (!method.equals("ceil") && !method.equals("floor")) {
            throw new Failure("method must be common, ceil or floor");
        }
        double scale = Math.pow(10, precision);
        double scaled = Numbers.real(value) * scale;
        if (!Double.isFinite(scaled) || !Double.isFinite(scale) || scale == 0) {
            throw new Failure("a precision of round that is out of range");
        }
        return (method.equals("ceil") ? Math.ceil(scaled) : Math.floor(scaled)) / scale;
    }

    private static Object roundInt(BigInteger value, int precision) {
        if (precision >= 0) {
            return Numbers.normal(value);
        }
        if (precision < -5000) {
            return 0L;
        }
        return Numbers.normal(
                new BigDecimal(value).setScale(precision, RoundingMode.HALF_EVEN).toBigInteger());
    }

    private static Object absolute(Run run, Object value, Args args) {
        Values.failIfUndefined(value);
        if (!Numbers.is(value)) {
            throw new Failure("bad operand type for abs(): '" + Values.typeName(value) + "'");
        }
        return Numbers.absolute(value);
    }

    private static Object attribute(Run run, Object value, Args args) {
        Object name = or(args.bind("attr", 1, "name")[0], "");
        Values.failIfUndefined(value);
        return value instanceof Dict && !(Access.isMember(value, text(run, name)))
                ? Undefined.member(run, value, name)
                : Access.attribute(run, value, text(run, name));
    }
}
