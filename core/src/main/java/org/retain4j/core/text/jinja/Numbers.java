package org.retain4j.core.text.jinja;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.math.MathContext;
import java.math.RoundingMode;

/**
 * Python's numbers: whole ones of up to 4300 digits, and doubles; True and False count as 1 and 0.
 */
final class Numbers {

    private static final int MAX_BITS = 14_284;
    private static final MathContext EXACT_ENOUGH = new MathContext(40);

    private Numbers() {}

    static boolean isInt(Object value) {
        return value instanceof Long || value instanceof Boolean || value instanceof BigInteger;
    }

    static boolean is(Object value) {
        return isInt(value) || value instanceof Double;
    }

    static BigInteger big(Object value) {
        if (value instanceof BigInteger number) {
            return number;
        }
        if (value instanceof Boolean bool) {
            return bool ? BigInteger.ONE : BigInteger.ZERO;
        }
        return BigInteger.valueOf((Long) value);
    }

    /** Returns a whole number in its only form: a Long if it fits. */
    static Object normal(BigInteger number) {
        if (number.bitLength() > MAX_BITS) {
            throw new Failure("a whole number of more than 4300 digits, the limit");
        }
        return number.bitLength() < 64 ? (Object) number.longValue() : number;
    }

    static double real(Object value) {
        if (value instanceof Double number) {
            return number;
        }
        double real = big(value).doubleValue();
        if (Double.isInfinite(real)) {
            throw new Failure("int too large to convert to float");
        }
        return real;
    }

    static Object hashKey(Object value) {
        if (value instanceof Double number) {
            if (number == Math.rint(number) && !Double.isInfinite(number)) {
                return normal(new BigDecimal(number).toBigInteger());
            }
            return number;
        }
        return normal(big(value));
    }

    static boolean equal(Object a, Object b) {
        if (a instanceof Double || b instanceof Double) {
            return !isNaN(a) && !isNaN(b) && compare(a, b) == 0;
        }
        return big(a).equals(big(b));
    }

    private static boolean isNaN(Object value) {
        return value instanceof Double number && number.isNaN();
    }

    static int compare(Object a, Object b) {
        if (a instanceof Long left && b instanceof Long right) {
            return Long.compare(left, right);
        }
        if (isInt(a) && isInt(b)) {
            return big(a).compareTo(big(b));
        }
        if (isInfiniteOrNaN(a) || isInfiniteOrNaN(b)) {
            double left = a instanceof Double number ? number : 0;
            double right = b instanceof Double number ? number : 0;
            return left < right ? -1 : left > right ? 1 : 0;
        }
        return decimal(a).compareTo(decimal(b));
    }

    private static boolean isInfiniteOrNaN(Object value) {
        return value instanceof Double number && !Double.isFinite(number);
    }

    private static BigDecimal decimal(Object value) {
        return value instanceof Double number ? new BigDecimal(number) : new BigDecimal(big(value));
    }

    static Object add(Object a, Object b) {
        if (a instanceof Double || b instanceof Double) {
            return real(a) + real(b);
        }
        return normal(big(a).add(big(b)));
    }

    static Object subtract(Object a, Object b) {
        if (a instanceof Double || b instanceof Double) {
            return real(a) - real(b);
        }
        return normal(big(a).subtract(big(b)));
    }

    static Object multiply(Object a, Object b) {
        if (a instanceof Double || b instanceof Double) {
            return real(a) * real(b);
        }
        return normal(big(a).multiply(big(b)));
    }

    static Object divide(Object a, Object b) {
        failIfZero(b, "division by zero");
        if (a instanceof Double || b instanceof Double) {
            return real(a) / real(b);
        }
        double quotient =
                new BigDecimal(big(a)).divide(new BigDecimal(big(b)), EXACT_ENOUGH).doubleValue();
        if (Double.isInfinite(quotient)) {
            throw new Failure("integer division result too large for a float");
        }
        return quotient;
    }

    static Object floorDivide(Object a, Object b) {
        failIfZero(b, "integer division or modulo by zero");
        if (a instanceof Double || b instanceof Double) {
            double left = real(a);
            double right = real(b);
            double rest = left % right;
            double quotient = (left - rest) / right;
            if (rest != 0 && (right < 0) != (rest < 0)) {
                quotient -= 1;
            }
            double floor = Math.floor(quotient);
            return quotient - floor > 0.5 ? floor + 1 : floor;
        }
        BigInteger[] parts = big(a).divideAndRemainder(big(b));
        boolean down = parts[1].signum() != 0 && parts[1].signum() != big(b).signum();
        return normal(down ? parts[0].subtract(BigInteger.ONE) : parts[0]);
    }

    static Object modulo(Object a, Object b) {
        failIfZero(b, "integer division or modulo by zero");
        if (a instanceof Double || b instanceof Double) {
            double right = real(b);
            double rest = real(a) % right;
            if (rest == 0) {
                return Math.copySign(0.0, right);
            }
            return (right < 0) != (rest < 0) ? rest + right : rest;
        }
        BigInteger rest = big(a).remainder(big(b));
        boolean wrongSign = rest.signum() != 0 && rest.signum() != big(b).signum();
        return normal(wrongSign ? rest.add(big(b)) : rest);
    }

    static Object power(Object a, Object b) {
        if (isInt(a) && isInt(b) && big(b).signum() >= 0) {
            BigInteger base = big(a);
            if (base.bitLength() <= 1 && base.signum() >= 0
                    || base.equals(BigInteger.ONE.negate())) {
                boolean even = !big(b).testBit(0);
                return normal(
                        big(b).signum() == 0 ? BigInteger.ONE : even ? base.multiply(base) : base);
            }
            if (big(b).bitLength() > 31
                    || (double) base.bitLength() * big(b).intValue() > 2.0 * MAX_BITS) {
                throw new Failure("a whole number of more than 4300 digits, the limit");
            }
            return normal(base.pow(big(b).intValue()));
        }
        double base = real(a);
        double exponent = real(b);
        if (base == 0 && exponent < 0) {
            throw new Failure("0.0 cannot be raised to a negative power");
        }
        if (base < 0 && Double.isFinite(base) && exponent != Math.rint(exponent)) {
            throw new Failure("a negative number cannot be raised to a fractional power");
        }
        double result =
                Math.abs(base) == 1 && Double.isInfinite(exponent) || base == 1
                        ? 1.0
                        : Math.pow(base, exponent);
        if (Double.isInfinite(result) && Double.isFinite(base) && Double.isFinite(exponent)) {
            throw new Failure("Result too large");
        }
        return result;
    }

    private static void failIfZero(Object value, String message) {
        if (value instanceof Double real ? real == 0 : big(value).signum() == 0) {
            throw new Failure(
                    value instanceof Double ? "float division or modulo by zero" : message);
        }
    }

    static Object negate(Object value) {
        return value instanceof Double number ? (Object) (-number) : normal(big(value).negate());
    }

    static Object absolute(Object value) {
        return value instanceof Double number
                ? (Object) Math.abs(number)
                : normal(big(value).abs());
    }

    /** Returns the whole number that a double is cut to. */
    static Object truncate(double value) {
        if (!Double.isFinite(value)) {
            throw new Failure(
                    "cannot convert float "
                            + (Double.isNaN(value) ? "NaN" : "infinity")
                            + " to integer");
        }
        return normal(new BigDecimal(value).toBigInteger());
    }

    /** Rounds the exact value of a double, halves to the even digit. */
    static double round(double value, int digits) {
        if (!Double.isFinite(value) || digits > 400) {
            return value;
        }
        if (digits < -400) {
            return Math.copySign(0.0, value);
        }
        double rounded =
                new BigDecimal(value).setScale(digits, RoundingMode.HALF_EVEN).doubleValue();
        return Math.copySign(rounded, value);
    }

    /** Returns the shortest digits that give the double back, as Python writes them. */
    static String text(double value) {
        if (Double.isNaN(value)) {
            return "nan";
        } else if (Double.isInfinite(value)) {
            return value > 0 ? "inf" : "-inf";
        } else if (value == 0) {
            return 1 / value > 0 ? "0.0" : "-0.0";
        }
        BigDecimal exact = new BigDecimal(value);
        BigDecimal shortest = exact;
        for (int digits = 1; digits <= 17; digits++) {
            shortest = exact.round(new MathContext(digits, RoundingMode.HALF_EVEN));
            if (shortest.doubleValue() == value) {
                break;
            }
        }
        shortest = shortest.stripTrailingZeros();
        int exponent = shortest.precision() - shortest.scale() - 1;
        if (exponent >= -4 && exponent < 16) {
            String plain = shortest.toPlainString();
            return plain.contains(".") ? plain : plain + ".0";
        }
        String digits = shortest.unscaledValue().abs().toString();
        return (value < 0 ? "-" : "")
                + digits.charAt(0)
                + (digits.length() > 1 ? "." + digits.substring(1) : "")
                + (exponent < 0 ? "e-" : "e+")
                + (Math.abs(exponent) < 10 ? "0" : "")
                + Math.abs(exponent);
    }
}
