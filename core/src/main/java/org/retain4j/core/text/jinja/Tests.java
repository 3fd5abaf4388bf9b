package org.retain4j.core.text.jinja;

import java.math.BigInteger;
import java.util.HashMap;
import java.util.Map;

/** Jinja's tests, what stands after {@code is}. */
final class Tests {

    private interface Test {
        boolean apply(Run run, Object value);
    }

    private interface TestWith {
        boolean apply(Run run, Object value, Object other);
    }

    private static final Map<String, Test> TESTS = new HashMap<>();
    private static final Map<String, TestWith> TESTS_WITH = new HashMap<>();

    static {
        TESTS.put("defined", (run, v) -> !(v instanceof Undefined));
        TESTS.put("undefined", (run, v) -> v instanceof Undefined);
        TESTS.put("none", (run, v) -> v == None.NONE);
        TESTS.put("boolean", (run, v) -> v instanceof Boolean);
        TESTS.put("true", (run, v) -> v.equals(true));
        TESTS.put("false", (run, v) -> v.equals(false));
        TESTS.put("integer", (run, v) -> v instanceof Long || v instanceof BigInteger);
        TESTS.put("float", (run, v) -> v instanceof Double);
        TESTS.put("number", (run, v) -> Numbers.is(v));
        TESTS.put("string", (run, v) -> v instanceof String);
        TESTS.put("mapping", (run, v) -> v instanceof Dict);
        TESTS.put("iterable", (run, v) -> Values.iterable(v) || v instanceof Loop);
        TESTS.put(
                "sequence",
                (run, v) ->
                        Values.iterable(v) && !(v instanceof Generator || v instanceof DictView));
        TESTS.put("callable", (run, v) -> v instanceof Callable || v instanceof Undefined);
        TESTS.put("odd", (run, v) -> equal(run, Operators.apply(run, "%", v, 2L), 1L));
        TESTS.put("even", (run, v) -> equal(run, Operators.apply(run, "%", v, 2L), 0L));
        TESTS.put("lower", (run, v) -> StringMethods.isLower(Values.text(run, v)));
        TESTS.put("upper", (run, v) -> StringMethods.isUpper(Values.text(run, v)));
        TESTS.put("escaped", (run, v) -> false);
        TESTS.put("filter", (run, v) -> v instanceof String name && Filters.has(name));
        TESTS.put("test", (run, v) -> v instanceof String name && has(name));
        TESTS_WITH.put(
                "divisibleby",
                (run, v, other) -> equal(run, Operators.apply(run, "%", v, other), 0L));
        TESTS_WITH.put("sameas", Tests::same);
        TESTS_WITH.put("in", (run, v, other) -> Values.contains(run, other, v));
        for (String name : new String[] {"==", "eq", "equalto"}) {
            TESTS_WITH.put(name, Values::equal);
        }
        for (String name : new String[] {"!=", "ne"}) {
            TESTS_WITH.put(name, (run, v, other) -> !Values.equal(run, v, other));
        }
        comparison("<", "lt", "lessthan");
        comparison("<=", "le");
        comparison(">", "gt", "greaterthan");
        comparison(">=", "ge");
    }

    private Tests() {}

    private static void comparison(String operator, String... names) {
        TestWith test = (run, v, other) -> Operators.compare(run, operator, v, other);
        TESTS_WITH.put(operator, test);
        for (String name : names) {
            TESTS_WITH.put(name, test);
        }
    }

    private static boolean equal(Run run, Object value, Object other) {
        return Values.equal(run, value, other);
    }

    private static boolean same(Run run, Object value, Object other) {
        boolean simple = Numbers.is(value) || value instanceof String;
        return simple
                ? value.getClass() == other.getClass() && value.equals(other)
                : value == other;
    }

    private static boolean has(String name) {
        return TESTS.containsKey(name) || TESTS_WITH.containsKey(name);
    }

    static boolean apply(Run run, String name, Object value, Args args) {
        Test test = TESTS.get(name);
        if (test != null) {
            args.bind(name, 0);
            return test.apply(run, value);
        }
        TestWith with = TESTS_WITH.get(name);
        if (with == null) {
            throw new Failure("No test named '" + name + "'.");
        }
        Object other = args.bind(name, 1, "other")[0];
        return with.apply(run, value, other == null ? None.NONE : other);
    }
}
