package org.retain4j.core.text.jinja;

import java.math.BigInteger;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Python's formatting with {@code %}. */
final class Printf {

    private final Run run;
    private final String format;
    private final Object arguments;
    private final List<?> positional;
    private final Output out;
    private int next;
    private int position;

    private Printf(Run run, String format, Object arguments) {
        this.run = run;
        this.format = format;
        this.arguments = arguments;
        this.positional = arguments instanceof Tuple tuple ? tuple : List.of(arguments);
        this.out = new Output(run);
    }

    /**
     * Formats values.
     *
     * @param arguments a tuple of them, a dict for {@code %(name)s}, or a single one
     */
    static String format(Run run, String format, Object arguments) {
        Printf printf = new Printf(run, format, arguments);
        printf.formatAll();
        return printf.out.toString();
    }

    private void formatAll() {
        while (position < format.length()) {
            int percent = format.indexOf('%', position);
            if (percent < 0) {
                out.add(format, position, format.length());
                break;
            }
            out.add(format, position, percent);
            position = percent + 1;
            directive();
        }
        if (next < positional.size() && !(arguments instanceof Dict)) {
            throw new Failure("not all arguments converted during string formatting");
        }
    }

    private char current() {
        if (position >= format.length()) {
            throw new Failure("incomplete format");
        }
        return format.charAt(position);
    }

    private void directive() {
        Object named = null;
        if (current() == '(') {
            int end = format.indexOf(')', position);
            if (end < 0) {
                throw new Failure("incomplete format key");
            }
            String key = format.substring(position + 1, end);
            if (!(arguments instanceof Dict dict)) {
                throw new Failure("format requires a mapping");
            }
            named = dict.get(key);
            if (named == null) {
                throw new Failure("the format names the key " + Repr.quote(key) + ", not given");
            }
            position = end + 1;
        }
        String flags = "";
        while ("-+ #0".indexOf(current()) >= 0) {
            flags += current();
            run.charge(flags.length());
            position++;
        }
        int width = number();
        if (width < 0 && width != Integer.MIN_VALUE) {
            flags += "-";
            width = -width;
        }
        int precision = -1;
        if (current() == '.') {
            position++;
            int given = number();
            precision = given == Integer.MIN_VALUE ? 0 : Math.max(0, given);
        }
        while ("hlL".indexOf(current()) >= 0) {
            position++;
        }
        char type = current();
        position++;
        if (type == '%') {
            out.add('%');
            return;
        }
        Object value = named != null ? named : argument();
        write(value, type, flags, Math.max(0, width), precision);
    }

    private int number() {
        if (current() == '*') {
            position++;
            return Values.integer(argument(), "a * of a format");
        }
        int start = position;
        while (current() >= '0' && current() <= '9') {
            position++;
        }
        if (start == position) {
            return Integer.MIN_VALUE;
        }
        return position - start > 9
                ? Integer.MAX_VALUE
                : Integer.parseInt(format.substring(start, position));
    }

    private Object argument() {
        if (next >= positional.size()) {
            throw new Failure("not enough arguments for format string");
        }
        return positional.get(next++);
    }

    private void write(Object value, char type, String flags, int width, int precision) {
        boolean left = flags.contains("-");
        if (type == 's' || type == 'r' || type == 'a' || type == 'c') {
            String text = text(value, type);
            if (precision >= 0 && type != 'c') {
                int size = text.codePointCount(0, text.length());
                text = text.substring(0, text.offsetByCodePoints(0, Math.min(size, precision)));
            }
            out.add(Strings.pad(run, text, width, " ", !left, left));
            return;
        }
        boolean alternate = flags.contains("#");
        String digits = digits(value, type, precision, alternate);
        if (digits == null) {
            throw new Failure("unsupported format character '" + type + "'");
        }
        boolean negative =
                value instanceof Double real
                        ? real < 0 || 1 / real < 0
                        : Numbers.big(value).signum() < 0;
        String sign = negative ? "-" : flags.contains("+") ? "+" : flags.contains(" ") ? " " : "";
        if (flags.contains("0") && !left) {
            String prefix = digits.matches("0[xXo].*") ? digits.substring(0, 2) : "";
            int rest = width - sign.length() - prefix.length();
            digits =
                    prefix
                            + Strings.pad(
                                    run, digits.substring(prefix.length()), rest, "0", true, false);
        }
        out.add(Strings.pad(run, sign + digits, width, " ", !left, left));
    }

    private String text(Object value, char type) {
        if (type == 'c') {
            if (value instanceof String text && text.codePointCount(0, text.length()) == 1) {
                return text;
            }
            if (Numbers.isInt(value)) {
                int c = Values.integer(value, "%c");
                if (Character.isValidCodePoint(c)) {
                    return Character.toString(c);
                }
            }
            throw new Failure("%c requires int or char");
        }
        return type == 's' ? Values.text(run, value) : Repr.of(run, value);
    }

    private static @Nullable String digits(
            Object value, char type, int precision, boolean alternate) {
        if ("diuxXoeEfFgG".indexOf(type) < 0) {
            return null;
        }
        Values.failIfUndefined(value);
        if (!Numbers.is(value)) {
            throw new Failure(
                    "%" + type + " format: a number is required, not " + Values.typeName(value));
        }
        if ("eEfFgG".indexOf(type) >= 0) {
            return NumberFormat.real(
                    Numbers.real(value), type, precision < 0 ? 6 : precision, alternate);
        }
        Object whole = value;
        if (value instanceof Double number) {
            if ("xXo".indexOf(type) >= 0) {
                throw new Failure("%" + type + " format: an integer is required, not float");
            }
            whole = Numbers.truncate(number);
        }
        BigInteger number = Numbers.big(whole);
        String digits = NumberFormat.integer(number, type, alternate);
        if (precision > NumberFormat.MAX_PRECISION) {
            throw new Failure("a precision of more than " + NumberFormat.MAX_PRECISION + " digits");
        }
        return "0".repeat(Math.max(0, precision - digits.length())) + digits;
    }
}
