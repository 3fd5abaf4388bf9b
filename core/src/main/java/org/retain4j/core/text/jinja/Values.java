package org.retain4j.core.text.jinja;

import java.math.BigInteger;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;

/** What Python's built-in functions tell about any value: type, truth, length, order, contents. */
final class Values {

    private Values() {}

    static String typeName(Object value) {
        if (value instanceof String) {
            return "str";
        } else if (value instanceof Boolean) {
            return "bool";
        } else if (value instanceof Long || value instanceof BigInteger) {
            return "int";
        } else if (value instanceof Double) {
            return "float";
        } else if (value == None.NONE) {
            return "NoneType";
        } else if (value instanceof Tuple) {
            return "tuple";
        } else if (value instanceof Range) {
            return "range";
        } else if (value instanceof List) {
            return "list";
        } else if (value instanceof Dict) {
            return "dict";
        } else if (value instanceof DictView view) {
            return "dict_" + view.kind();
        } else if (value instanceof Generator) {
            return "generator";
        } else if (value instanceof Callable.Function) {
            return "function";
        }
        return value.getClass().getSimpleName();
    }

    static boolean truth(Object value) {
        if (value instanceof Boolean bool) {
            return bool;
        } else if (value instanceof String text) {
            return !text.isEmpty();
        } else if (value instanceof Long number) {
            return number != 0;
        } else if (value instanceof Double number) {
            return number != 0;
        } else if (value instanceof List<?> list) {
            return !list.isEmpty();
        } else if (value instanceof Dict dict) {
            return dict.size() > 0;
        } else if (value instanceof DictView view) {
            return view.dict().size() > 0;
        }
        return value != None.NONE && !(value instanceof Undefined);
    }

    static int length(Object value) {
        if (value instanceof String text) {
            return text.codePointCount(0, text.length());
        } else if (value instanceof List<?> list) {
            return list.size();
        } else if (value instanceof Dict dict) {
            return dict.size();
        } else if (value instanceof DictView view) {
            return view.dict().size();
        } else if (value instanceof Loop loop) {
            return loop.length();
        } else if (value instanceof Undefined) {
            return 0;
        }
        throw new Failure("object of type '" + typeName(value) + "' has no len()");
    }

    static boolean iterable(Object value) {
        return value instanceof String
                || value instanceof List
                || value instanceof Dict
                || value instanceof DictView
                || value instanceof Generator
                || value instanceof Undefined;
    }

    /** Returns the items in order; a generator is empty afterwards. */
    @SuppressWarnings("unchecked")
    static List<Object> iterate(Run run, Object value) {
        if (value instanceof List) {
            return (List<Object>) value;
        } else if (value instanceof Dict dict) {
            return dict.keys(run);
        } else if (value instanceof DictView view) {
            return view.list(run);
        } else if (value instanceof Generator generator) {
            return generator.drain();
        } else if (value instanceof Undefined) {
            return List.of();
        } else if (value instanceof String text) {
            run.chargeElements(text.length());
            List<Object> characters = new ArrayList<>();
            text.codePoints().forEach(c -> characters.add(Character.toString(c)));
            return characters;
        }
        throw new Failure("'" + typeName(value) + "' object is not iterable");
    }

    static boolean equal(Run run, Object a, Object b) {
        run.step();
        if (a instanceof String text) {
            run.work(text.length());
            return a.equals(b);
        }
        if (Numbers.is(a)) {
            return Numbers.is(b) && Numbers.equal(a, b);
        }
        if (a instanceof List<?> left && b instanceof List<?> right) {
            if (!typeName(a).equals(typeName(b)) || left.size() != right.size()) {
                return false;
            }
            run.enter();
            for (int i = 0; i < left.size(); i++) {
                if (!equal(run, left.get(i), right.get(i))) {
                    return false;
                }
            }
            run.leave();
            return true;
        }
        if (a instanceof Dict left && b instanceof Dict right) {
            if (left.size() != right.size()) {
                return false;
            }
            run.enter();
            for (Map.Entry<Object, Object> entry : left.entries()) {
                Object other = right.get(run, entry.getKey());
                if (other == null || !equal(run, entry.getValue(), other)) {
                    return false;
                }
            }
            run.leave();
            return true;
        }
        if (a instanceof Undefined) {
            return b instanceof Undefined;
        }
        return a == b;
    }

    /** Orders two values as Python's {@code <} does; {@code operator} is for the message. */
    static int compare(Run run, Object a, Object b, String operator) {
        run.step();
        if (Numbers.is(a) && Numbers.is(b)) {
            return Numbers.compare(a, b);
        }
        if (a instanceof String left && b instanceof String right) {
            run.work(Math.min(left.length(), right.length()));
            return Strings.compare(left, right);
        }
        if (a instanceof List<?> left
                && b instanceof List<?> right
                && typeName(a).equals(typeName(b))
                && !(a instanceof Range)) {
            run.enter();
            Iterator<?> others = right.iterator();
            int order = 0;
            for (Object item : left) {
                if (order != 0 || !others.hasNext()) {
                    break;
                }
                Object other = others.next();
                order = equal(run, item, other) ? 0 : compare(run, item, other, operator);
            }
            run.leave();
            return order != 0 ? order : Integer.compare(left.size(), right.size());
        }
        failIfUndefined(a);
        failIfUndefined(b);
        throw new Failure(
                "'"
                        + operator
                        + "' not supported between instances of '"
                        + typeName(a)
                        + "' and '"
                        + typeName(b)
                        + "'");
    }

    static void failIfUndefined(Object value) {
        if (value instanceof Undefined undefined) {
            throw undefined.failure();
        }
    }

    static boolean contains(Run run, Object container, Object item) {
        if (container instanceof String text) {
            if (!(item instanceof String part)) {
                failIfUndefined(item);
                throw new Failure(
                        "'in <string>' requires string as left operand, not " + typeName(item));
            }
            return new Finder(run, part).next(text, 0) >= 0;
        }
        if (container instanceof Dict dict) {
            return dict.get(run, item) != null;
        }
        if (container instanceof DictView view && view.kind().equals("keys")) {
            return view.dict().get(run, item) != null;
        }
        if (!iterable(container)) {
            throw new Failure("argument of type '" + typeName(container) + "' is not iterable");
        }
        for (Object candidate : iterate(run, container)) {
            if (candidate == item || equal(run, candidate, item)) {
                return true;
            }
        }
        return false;
    }

    /** Returns a value as the template prints it. */
    static String text(Run run, Object value) {
        if (value instanceof String text) {
            return text;
        }
        return value instanceof Undefined ? "" : Repr.of(run, value);
    }

    /** Returns an argument that must be a whole number that fits. */
    static int integer(Object value, String what) {
        failIfUndefined(value);
        if (!Numbers.isInt(value)) {
            throw new Failure(what + " must be a whole number, is " + typeName(value));
        }
        BigInteger number = Numbers.big(value);
        return number.bitLength() < 32
                ? number.intValue()
                : number.signum() < 0 ? -Integer.MAX_VALUE : Integer.MAX_VALUE;
    }
}
