package org.retain4j.core.text.jinja;

import java.math.BigInteger;
import org.jspecify.annotations.Nullable;

/** Python's {@code str.format} with its field names, conversions and format specifications. */
final class StringFormat {

    private static final int MAX_NESTING = 2;

    private final Run run;
    private final Args args;
    private int automatic;

    private StringFormat(Run run, Args args) {
        this.run = run;
        this.args = args;
    }

    static Object format(Run run, String format, Args args) {
        return new StringFormat(run, args).expand(format, MAX_NESTING);
    }

    private String expand(String format, int nesting) {
        Output out = new Output(run);
        int i = 0;
        while (i < format.length()) {
            char c = format.charAt(i);
            if ((c == '{' || c == '}') && i + 1 < format.length() && format.charAt(i + 1) == c) {
                out.add(c);
                i += 2;
            } else if (c == '}') {
                throw new Failure("Single '}' encountered in format string");
            } else if (c == '{') {
                if (nesting == 0) {
                    throw new Failure("Max string recursion exceeded");
                }
                int end = closing(format, i);
                out.add(field(format.substring(i + 1, end), nesting));
                i = end + 1;
            } else {
                out.add(c);
                i++;
            }
        }
        return out.toString();
    }

    private static int closing(String format, int open) {
        int depth = 0;
        for (int i = open; i < format.length(); i++) {
            char c = format.charAt(i);
            depth += c == '{' ? 1 : c == '}' ? -1 : 0;
            if (depth == 0) {
                return i;
            }
        }
        throw new Failure("expected '}' before end of string");
    }

    private String field(String field, int nesting) {
        int end = 0;
        boolean bracket = false;
        while (end < field.length()) {
            char c = field.charAt(end);
            bracket = c == '[' || (bracket && c != ']');
            if (!bracket && (c == '!' || c == ':')) {
                break;
            }
            end++;
        }
        Object value = lookUp(field.substring(0, end));
        if (end < field.length() && field.charAt(end) == '!') {
            char conversion = end + 1 < field.length() ? field.charAt(end + 1) : ' ';
            if (conversion != 's' && conversion != 'r') {
                throw new Failure("Unknown conversion specifier '" + conversion + "'");
            }
            value = conversion == 's' ? Values.text(run, value) : Repr.of(run, value);
            end += 2;
        }
        if (end < field.length() && field.charAt(end) != ':') {
            throw new Failure("expected ':' after conversion specifier");
        }
        String specification =
                end < field.length() ? expand(field.substring(end + 1), nesting - 1) : "";
        return write(value, specification);
    }

    private Object lookUp(String path) {
        int end = 0;
        while (end < path.length() && path.charAt(end) != '.' && path.charAt(end) != '[') {
            end++;
        }
        Object value = first(path.substring(0, end));
        while (end < path.length()) {
            if (path.charAt(end) == '.') {
                int start = ++end;
                while (end < path.length() && path.charAt(end) != '.' && path.charAt(end) != '[') {
                    end++;
                }
                value = Access.attribute(run, value, path.substring(start, end));
            } else {
                int close = path.indexOf(']', end);
                if (path.charAt(end) != '[' || close < 0) {
                    throw new Failure("Missing ']' in format string");
                }
                String key = path.substring(end + 1, close);
                value = Access.item(run, value, isIndex(key) ? (Object) Long.valueOf(key) : key);
                end = close + 1;
            }
        }
        return value;
    }

    private static boolean isIndex(String text) {
        return text.matches("[0-9]{1,9}");
    }

    private Object first(String name) {
        if (name.isEmpty() || isIndex(name)) {
            int index = name.isEmpty() ? automatic++ : Integer.parseInt(name);
            if (index >= args.positional().size()) {
                throw new Failure(
                        "Replacement index " + index + " out of range for positional args tuple");
            }
            return args.positional().get(index);
        }
        Object value = args.named().get(name);
        if (value == null) {
            throw new Failure("the format names " + Repr.quote(name) + ", which is not given");
        }
        return value;
    }

    private String write(Object value, String specification) {
        if (specification.isEmpty()) {
            return Values.text(run, value);
        }
        Values.failIfUndefined(value);
        Specification spec = new Specification(specification);
        if (Numbers.is(value) && !(value instanceof Boolean && spec.type == 0)) {
            return spec.number(run, value);
        }
        if (!(value instanceof String) && !(value instanceof Boolean)) {
            throw new Failure(
                    "unsupported format string passed to "
                            + Values.typeName(value)
                            + ".__format__");
        }
        return spec.text(run, Values.text(run, value));
    }

    /** A format specification: {@code [[fill]align][sign][#][0][width][,][.precision][type]}. */
    private static final class Specification {

        private String fill = " ";
        private char align;
        private char sign = '-';
        private boolean alternate;
        private int width;
        private char grouping;
        private int precision = -1;
        private char type;
        private final String text;
        private int position;

        Specification(String text) {
            this.text = text;
            int second = text.offsetByCodePoints(0, 1);
            if (second < text.length() && "<>=^".indexOf(text.charAt(second)) >= 0) {
                fill = text.substring(0, second);
                align = text.charAt(second);
                position = second + 1;
            } else {
                align = take("<>=^");
            }
            char given = take("+- ");
            sign = given == 0 ? '-' : given;
            alternate = take("#") != 0;
            if (take("0") != 0 && align == 0) {
                fill = "0";
                align = '=';
            }
            width = Math.max(0, digits());
            grouping = take(",_");
            if (take(".") != 0) {
                precision = digits();
                if (precision < 0) {
                    throw new Failure("Format specifier missing precision");
                }
            }
            type = take("sdbcoxXeEfFgGn%");
            if (position < text.length()) {
                throw new Failure("Invalid format specifier " + Repr.quote(text));
            }
        }

        private char take(String set) {
            if (position < text.length() && set.indexOf(text.charAt(position)) >= 0) {
                return text.charAt(position++);
            }
            return 0;
        }

        private int digits() {
            int start = position;
            while (position < text.length() && Character.isDigit(text.charAt(position))) {
                position++;
            }
            if (position - start > 9) {
                throw new Failure("Too many decimal digits in format string");
            }
            return start == position ? -1 : Integer.parseInt(text.substring(start, position));
        }

        private String text(Run run, String value) {
            if (type != 0 && type != 's') {
                throw new Failure("Unknown format code '" + type + "' for object of type 'str'");
            }
            if (align == '=') {
                throw new Failure("'=' alignment not allowed in string format specifier");
            }
            String part = value;
            if (precision >= 0) {
                int size = value.codePointCount(0, value.length());
                part = value.substring(0, value.offsetByCodePoints(0, Math.min(size, precision)));
            }
            return aligned(run, part, align == 0 ? '<' : align);
        }

        private String aligned(Run run, String value, char how) {
            if (how == '^') {
                int missing = Math.max(0, width - value.codePointCount(0, value.length()));
                String half =
                        Strings.pad(run, value, width - (missing - missing / 2), fill, true, false);
                return Strings.pad(run, half, width, fill, false, true);
            }
            return Strings.pad(run, value, width, fill, how != '<', how == '<');
        }

        private String number(Run run, Object value) {
            boolean real = value instanceof Double || "eEfFgG%".indexOf(type) >= 0 && type != 0;
            String digits = real ? real(Numbers.real(value)) : integer(Numbers.big(value));
            boolean negative =
                    value instanceof Double number
                            ? number < 0 || 1 / number < 0
                            : Numbers.big(value).signum() < 0;
            String prefix = negative ? "-" : sign == '-' ? "" : Character.toString(sign);
            if (!real && alternate && "xXob".indexOf(type) >= 0 && type != 0) {
                prefix += digits.substring(0, 2);
                digits = digits.substring(2);
            }
            if (grouping != 0) {
                digits = grouped(digits);
            }
            if (align == '=') {
                int rest = width - prefix.length();
                return prefix + Strings.pad(run, digits, rest, fill, true, false);
            }
            return aligned(run, prefix + digits, align == 0 ? '>' : align);
        }

        private String integer(BigInteger value) {
            if (precision >= 0) {
                throw new Failure("Precision not allowed in integer format specifier");
            }
            if (type == 's') {
                throw new Failure("Unknown format code 's' for object of type 'int'");
            }
            if (type == 'c') {
                int c = value.bitLength() < 32 ? value.intValue() : -1;
                if (!Character.isValidCodePoint(c)) {
                    throw new Failure("%c arg not in range(0x110000)");
                }
                return Character.toString(c);
            }
            return NumberFormat.integer(value, type, alternate);
        }

        private String real(double value) {
            if (type == '%') {
                int digits = precision < 0 ? 6 : precision;
                return NumberFormat.real(value * 100, 'f', digits, alternate) + "%";
            }
            if (type == 0 || type == 'n') {
                return precision < 0
                        ? Numbers.text(Math.abs(value))
                        : NumberFormat.shortened(value, precision);
            }
            if ("eEfFgG".indexOf(type) < 0) {
                throw new Failure("Unknown format code '" + type + "' for object of type 'float'");
            }
            return NumberFormat.real(value, type, precision < 0 ? 6 : precision, alternate);
        }

        private String grouped(@Nullable String number) {
            String digits = number == null ? "" : number;
            int end = 0;
            while (end < digits.length() && Character.isDigit(digits.charAt(end))) {
                end++;
            }
            StringBuilder out = new StringBuilder(digits);
            for (int i = end - 3; i > 0; i -= 3) {
                out.insert(i, grouping);
            }
            return out.toString();
        }
    }
}
