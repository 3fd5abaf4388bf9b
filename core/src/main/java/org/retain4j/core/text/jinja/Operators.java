package org.retain4j.core.text.jinja;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/** The operators of the language on values of all types. */
final class Operators {

    private Operators() {}

    static Object apply(Run run, String operator, Object a, Object b) {
        Values.failIfUndefined(a);
        if (operator.equals("%") && a instanceof String format) {
            return Printf.format(run, format, b);
        }
        Values.failIfUndefined(b);
        if (Numbers.is(a) && Numbers.is(b)) {
            return switch (operator) {
                case "+" -> Numbers.add(a, b);
                case "-" -> Numbers.subtract(a, b);
                case "*" -> Numbers.multiply(a, b);
                case "/" -> Numbers.divide(a, b);
                case "//" -> Numbers.floorDivide(a, b);
                case "%" -> Numbers.modulo(a, b);
                default -> Numbers.power(a, b);
            };
        }
        if (operator.equals("+")) {
            return concatenate(run, a, b);
        }
        if (operator.equals("*") && Numbers.isInt(b)) {
            return repeat(run, a, b);
        }
        if (operator.equals("*") && Numbers.isInt(a)) {
            return repeat(run, b, a);
        }
        throw unsupported(operator, a, b);
    }

    private static Failure unsupported(String operator, Object a, Object b) {
        return new Failure(
                "unsupported operand type(s) for "
                        + operator
                        + ": '"
                        + Values.typeName(a)
                        + "' and '"
                        + Values.typeName(b)
                        + "'");
    }

    private static Object concatenate(Run run, Object a, Object b) {
        if (a instanceof String left) {
            if (!(b instanceof String right)) {
                throw new Failure(
                        "can only concatenate str (not \"" + Values.typeName(b) + "\") to str");
            }
            run.charge((long) left.length() + right.length());
            return left + right;
        }
        if (a instanceof List<?> left
                && b instanceof List<?> right
                && !(a instanceof Range)
                && Values.typeName(a).equals(Values.typeName(b))) {
            run.chargeElements((long) left.size() + right.size());
            List<Object> both = new ArrayList<>(left);
            both.addAll(right);
            return a instanceof Tuple ? Tuple.of(both) : both;
        }
        throw unsupported("+", a, b);
    }

    private static Object repeat(Run run, Object value, Object times) {
        int count = Math.max(0, Values.integer(times, "a number of repetitions"));
        if (value instanceof String text) {
            run.charge((long) text.length() * count);
            return text.isEmpty() ? "" : text.repeat(count);
        }
        if (value instanceof List<?> list && !(value instanceof Range)) {
            run.chargeElements((long) list.size() * count);
            List<Object> all = new ArrayList<>();
            if (!list.isEmpty()) {
                Collections.nCopies(count, list).forEach(all::addAll);
            }
            return value instanceof Tuple ? Tuple.of(all) : all;
        }
        throw unsupported("*", value, times);
    }

    static boolean compare(Run run, String operator, Object a, Object b) {
        return switch (operator) {
            case "==" -> Values.equal(run, a, b);
            case "!=" -> !Values.equal(run, a, b);
            case "in" -> Values.contains(run, b, a);
            case "not in" -> !Values.contains(run, b, a);
            default -> ordered(run, operator, a, b);
        };
    }

    private static boolean ordered(Run run, String operator, Object a, Object b) {
        int order = Values.compare(run, a, b, operator);
        if ((a instanceof Double x && x.isNaN()) || (b instanceof Double y && y.isNaN())) {
            return false;
        }
        return switch (operator) {
            case "<" -> order < 0;
            case "<=" -> order <= 0;
            case ">" -> order > 0;
            default -> order >= 0;
        };
    }

    static Object sign(boolean negative, Object value) {
        Values.failIfUndefined(value);
        if (!Numbers.is(value)) {
            throw new Failure(
                    "bad operand type for unary "
                            + (negative ? "-" : "+")
                            + ": '"
                            + Values.typeName(value)
                            + "'");
        }
        return negative
                ? Numbers.negate(value)
                : value instanceof Double ? value : Numbers.normal(Numbers.big(value));
    }
}
