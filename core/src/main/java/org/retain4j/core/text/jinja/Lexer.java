package org.retain4j.core.text.jinja;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Cuts a template into text and the pieces of its tags, and drops the whitespace that goes with
 * tags.
 *
 * <p>A line break after a block or comment tag is dropped, and so is the indentation before one
 * that stands first on its line; {@code -} inside a tag drops all whitespace on that side, {@code
 * +} keeps it.
 */
final class Lexer {

    private static final String SPACE = "[\\s\\x1c-\\x1f\\x85\\p{Zs}\\u2028\\u2029]*+";
    private static final Pattern RAW =
            Pattern.compile("\\{%([-+]?)" + SPACE + "raw" + SPACE + "(-?)%\\}");
    private static final Pattern END_RAW =
            Pattern.compile("\\{%([-+]?)" + SPACE + "endraw" + SPACE + "([-+]?)%\\}");
    private static final Pattern FLOAT =
            Pattern.compile(
                    "[0-9]+(?:_[0-9]+)*+(?:(?:\\.[0-9]+(?:_[0-9]+)*+)?[eE][-+]?[0-9]+(?:_[0-9]+)*+"
                            + "|\\.[0-9]+(?:_[0-9]+)*+)");
    private static final Pattern INTEGER =
            Pattern.compile(
                    "0[bB](?:_?[01])++|0[oO](?:_?[0-7])++|0[xX](?:_?[0-9a-fA-F])++"
                            + "|[1-9](?:_?[0-9])*+|0(?:_?0)*+");
    private static final List<String> LONG_OPERATORS = List.of("//", "**", "==", "!=", ">=", "<=");
    private static final String OPERATORS = "+-/*%~[](){}><=.:|,;";

    private final String source;
    private final Matcher raw;
    private final Matcher endRaw;
    private final Matcher floats;
    private final Matcher integers;
    private final List<Token> tokens = new ArrayList<>();
    private int position;
    private int line = 1;
    private boolean lineStarting = true;

    Lexer(String text) {
        String normal = text.replace("\r\n", "\n").replace('\r', '\n');
        this.source = normal.endsWith("\n") ? normal.substring(0, normal.length() - 1) : normal;
        this.raw = RAW.matcher(source);
        this.endRaw = END_RAW.matcher(source);
        this.floats = FLOAT.matcher(source);
        this.integers = INTEGER.matcher(source);
    }

    static boolean isNameStart(int c) {
        return c == '_' || Character.isUnicodeIdentifierStart(c);
    }

    static boolean isNamePart(int c) {
        return c == '_'
                || (Character.isUnicodeIdentifierPart(c) && !Character.isIdentifierIgnorable(c));
    }

    List<Token> tokens() {
        while (position < source.length()) {
            int tag = nextTag();
            if (tag < 0) {
                add(Token.Kind.DATA, source.substring(position));
                break;
            }
            char kind = source.charAt(tag + 1);
            char sign = at(tag + 2);
            boolean signed = sign == '-' || sign == '+';
            data(source.substring(position, tag), sign, kind != '{');
            position = tag;
            if (kind == '%' && raw.region(tag, source.length()).lookingAt()) {
                raw();
                continue;
            }
            position = tag + (signed ? 3 : 2);
            if (kind == '#') {
                comment();
            } else {
                add(kind == '{' ? Token.Kind.PRINT_BEGIN : Token.Kind.BLOCK_BEGIN, "");
                inside(kind == '%');
            }
        }
        add(Token.Kind.END, "");
        return tokens;
    }

    private char at(int index) {
        return index < source.length() ? source.charAt(index) : 0;
    }

    private int nextTag() {
        int brace = source.indexOf('{', position);
        while (brace >= 0 && "{%#".indexOf(at(brace + 1)) < 0) {
            brace = source.indexOf('{', brace + 1);
        }
        return brace >= 0 && brace + 1 < source.length() ? brace : -1;
    }

    private void add(Token.Kind kind, String text) {
        tokens.add(new Token(kind, text, line));
    }

    private void data(String text, char sign, boolean block) {
        String kept = text;
        if (sign == '-') {
            kept = Strings.strip(text, null, false, true);
        } else if (sign != '+' && block) {
            int start = text.lastIndexOf('\n') + 1;
            boolean blank = text.substring(start).codePoints().allMatch(Strings::isSpace);
            if ((start > 0 || lineStarting) && blank) {
                kept = text.substring(0, start);
            }
        }
        if (!kept.isEmpty()) {
            add(Token.Kind.DATA, kept);
        }
        countLines(text);
    }

    private void countLines(String text) {
        line += (int) text.chars().filter(c -> c == '\n').count();
    }

    /** Ends a tag whose last character is before {@code end}. */
    private void close(int end, char sign, boolean trim) {
        position = end;
        if (sign == '-') {
            while (position < source.length() && Strings.isSpace(source.charAt(position))) {
                position++;
            }
        } else if (sign != '+' && trim && at(position) == '\n') {
            position++;
        }
        countLines(source.substring(end, position));
        lineStarting = source.charAt(position - 1) == '\n';
    }

    private void raw() {
        countLines(raw.group());
        close(raw.end(), raw.group(2).isEmpty() ? '+' : '-', false);
        if (!endRaw.region(position, source.length()).find()) {
            throw new Failure("Missing end of raw directive", line);
        }
        String sign = endRaw.group(1);
        data(
                source.substring(position, endRaw.start()),
                sign.isEmpty() ? ' ' : sign.charAt(0),
                true);
        countLines(endRaw.group());
        String end = endRaw.group(2);
        close(endRaw.end(), end.isEmpty() ? ' ' : end.charAt(0), true);
    }

    private void comment() {
        int end = source.indexOf("#}", position);
        if (end < 0) {
            throw new Failure("Missing end of comment tag", line);
        }
        countLines(source.substring(position, end));
        close(end + 2, end > position ? source.charAt(end - 1) : ' ', true);
    }

    private void inside(boolean block) {
        Deque<Character> open = new ArrayDeque<>();
        while (position < source.length()) {
            char c = source.charAt(position);
            if (open.isEmpty() && closes(block)) {
                return;
            }
            if (Strings.isSpace(c)) {
                line += c == '\n' ? 1 : 0;
                position++;
            } else if (c >= '0' && c <= '9') {
                number();
            } else if (isNameStart(source.codePointAt(position))) {
                int start = position;
                while (position < source.length() && isNamePart(source.codePointAt(position))) {
                    position += Character.charCount(source.codePointAt(position));
                }
                add(Token.Kind.NAME, source.substring(start, position));
            } else if (c == '\'' || c == '"') {
                string(c);
            } else {
                operator(open);
            }
        }
    }

    private boolean closes(boolean block) {
        String end = block ? "%}" : "}}";
        char sign = at(position);
        boolean signed = sign == '-' || (block && sign == '+');
        if (!source.startsWith(end, position + (signed ? 1 : 0))) {
            return false;
        }
        add(block ? Token.Kind.BLOCK_END : Token.Kind.PRINT_END, "");
        close(position + (signed ? 3 : 2), signed ? sign : ' ', block);
        return true;
    }

    private void number() {
        boolean afterDot = position > 0 && source.charAt(position - 1) == '.';
        Matcher matcher = floats.region(position, source.length());
        boolean real = !afterDot && matcher.lookingAt();
        if (!real) {
            matcher = integers.region(position, source.length());
            matcher.lookingAt();
        }
        add(real ? Token.Kind.FLOAT : Token.Kind.INTEGER, matcher.group().replace("_", ""));
        position = matcher.end();
    }

    private void operator(Deque<Character> open) {
        String operator = Character.toString(source.charAt(position));
        for (String candidate : LONG_OPERATORS) {
            if (source.startsWith(candidate, position)) {
                operator = candidate;
            }
        }
        char c = operator.charAt(0);
        if (operator.length() == 1 && OPERATORS.indexOf(c) < 0) {
            throw new Failure(
                    "unexpected character "
                            + Repr.quote(Character.toString(source.codePointAt(position))),
                    line);
        }
        if ("([{".indexOf(c) >= 0) {
            open.push(c == '(' ? ')' : c == '[' ? ']' : '}');
        } else if (")]}".indexOf(c) >= 0) {
            if (open.isEmpty() || open.pop() != c) {
                throw new Failure("unexpected '" + c + "'", line);
            }
        }
        add(Token.Kind.OPERATOR, operator);
        position += operator.length();
    }

    private void string(char quote) {
        int end = position + 1;
        while (end < source.length() && source.charAt(end) != quote) {
            end += source.charAt(end) == '\\' ? 2 : 1;
        }
        if (end >= source.length()) {
            throw new Failure("a string that does not end", line);
        }
        String body = source.substring(position + 1, end);
        add(Token.Kind.STRING, unescape(body));
        countLines(body);
        position = end + 1;
    }

    private String unescape(String text) {
        if (text.indexOf('\\') < 0) {
            return text;
        }
        StringBuilder out = new StringBuilder();
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (c != '\\' || i + 1 == text.length()) {
                out.append(c);
                continue;
            }
            char escape = text.charAt(++i);
            int plain = "\\'\"nrtabfv0".indexOf(escape);
            if (escape == '\n') {
                continue;
            } else if (escape >= '0' && escape <= '7') {
                int end = i;
                while (end < text.length()
                        && end < i + 3
                        && "01234567".indexOf(text.charAt(end)) >= 0) {
                    end++;
                }
                out.append((char) Integer.parseInt(text.substring(i, end), 8));
                i = end - 1;
            } else if (plain >= 0) {
                out.append("\\'\"\n\r\t\u0007\b\f\u000b".charAt(plain));
            } else if (escape == 'x' || escape == 'u' || escape == 'U') {
                int digits = escape == 'x' ? 2 : escape == 'u' ? 4 : 8;
                out.appendCodePoint(hexadecimal(text, i + 1, digits));
                i += digits;
            } else if (escape == 'N') {
                throw new Failure("the escape \\N in a string is not supported", line);
            } else {
                out.append('\\').append(escape);
            }
        }
        return out.toString();
    }

    private int hexadecimal(String text, int from, int digits) {
        int value = 0;
        for (int i = from; i < from + digits; i++) {
            int digit = i < text.length() ? Character.digit(text.charAt(i), 16) : -1;
            if (digit < 0 || value > Character.MAX_CODE_POINT >> 4) {
                throw new Failure("a string with a damaged escape of a character", line);
            }
            value = value * 16 + digit;
        }
        if (!Character.isValidCodePoint(value)) {
            throw new Failure("a string with a damaged escape of a character", line);
        }
        return value;
    }
}
