package org.retain4j.core.text.jinja;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.math.MathContext;
import java.math.RoundingMode;
import java.util.Locale;

/** Writes numbers in the presentation types that Python's two ways of formatting share. */
final class NumberFormat {

    static final int MAX_PRECISION = 10_000;

    private NumberFormat() {}

    /** Writes the absolute value of a whole number as {@code d}, {@code x}, {@code o}, … */
    static String integer(BigInteger value, char type, boolean alternate) {
        BigInteger number = value.abs();
        return switch (type) {
            case 'x' -> (alternate ? "0x" : "") + number.toString(16);
            case 'X' -> (alternate ? "0X" : "") + number.toString(16).toUpperCase(Locale.ROOT);
            case 'o' -> (alternate ? "0o" : "") + number.toString(8);
            case 'b' -> (alternate ? "0b" : "") + number.toString(2);
            default -> number.toString();
        };
    }

    /** Writes the absolute value of a double as {@code f}, {@code e} or {@code g}. */
    static String real(double value, char type, int precision, boolean alternate) {
        if (precision > MAX_PRECISION) {
            throw new Failure("a precision of more than " + MAX_PRECISION + " digits");
        }
        String text;
        if (!Double.isFinite(value)) {
            text = Double.isNaN(value) ? "nan" : "inf";
        } else {
            BigDecimal number = new BigDecimal(Math.abs(value));
            text =
                    switch (Character.toLowerCase(type)) {
                        case 'f' ->
                                number.setScale(precision, RoundingMode.HALF_EVEN).toPlainString()
                                        + (alternate && precision == 0 ? "." : "");
                        case 'e' -> scientific(number, precision);
                        default -> general(number, Math.max(1, precision), alternate);
                    };
        }
        return Character.isUpperCase(type) ? text.toUpperCase(Locale.ROOT) : text;
    }

    /** Writes the absolute value of a double of which only the precision is given. */
    static String shortened(double value, int precision) {
        String text = real(value, 'g', precision, false);
        if (!Double.isFinite(value) || text.indexOf('.') >= 0 || text.indexOf('e') >= 0) {
            return text;
        }
        return text.length() < precision
                ? text + ".0"
                : scientific(new BigDecimal(Math.abs(value)), Math.max(1, precision) - 1);
    }

    private static String scientific(BigDecimal number, int precision) {
        BigDecimal rounded = number.round(new MathContext(precision + 1, RoundingMode.HALF_EVEN));
        String digits = rounded.unscaledValue().toString();
        int exponent = rounded.signum() == 0 ? 0 : rounded.precision() - rounded.scale() - 1;
        digits = (digits + "0".repeat(precision + 1)).substring(0, precision + 1);
        return digits.charAt(0)
                + (precision > 0 ? "." + digits.substring(1) : "")
                + exponent(exponent);
    }

    private static String exponent(int exponent) {
        int size = Math.abs(exponent);
        return (exponent < 0 ? "e-" : "e+") + (size < 10 ? "0" : "") + size;
    }

    private static String general(BigDecimal number, int precision, boolean alternate) {
        BigDecimal rounded = number.round(new MathContext(precision, RoundingMode.HALF_EVEN));
        int exponent = rounded.signum() == 0 ? 0 : rounded.precision() - rounded.scale() - 1;
        if (exponent < -4 || exponent >= precision) {
            String text = scientific(number, precision - 1);
            int end = text.indexOf('e');
            return alternate ? text : withoutZeros(text.substring(0, end)) + text.substring(end);
        }
        String plain =
                rounded.setScale(Math.max(0, precision - 1 - exponent), RoundingMode.HALF_EVEN)
                        .toPlainString();
        return alternate ? plain : withoutZeros(plain);
    }

    private static String withoutZeros(String text) {
        if (text.indexOf('.') < 0) {
            return text;
        }
        int end = text.length();
        while (text.charAt(end - 1) == '0') {
            end--;
        }
        return text.substring(0, text.charAt(end - 1) == '.' ? end - 1 : end);
    }
}
