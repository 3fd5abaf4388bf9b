package org.retain4j.core.text.jinja;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What {@code a.b} and {@code a[b]} give.
 *
 * <p>As in Jinja, the dot looks for a method first and for an item then, the bracket the other way
 * round, and both give an undefined value when there is neither.
 */
final class Access {

    private static final Set<String> LIST_CHANGES =
            Set.of("append", "clear", "pop", "reverse", "insert", "sort", "extend", "remove");
    private static final Set<String> DICT_CHANGES =
            Set.of("clear", "pop", "popitem", "setdefault", "update");

    private Access() {}

    static Object attribute(Run run, Object target, String name) {
        Values.failIfUndefined(target);
        Object member = member(target, name);
        if (member != null) {
            return member;
        }
        Object item = target instanceof Dict dict ? dict.get(name) : null;
        if (item != null) {
            return item;
        }
        return name.startsWith("__")
                ? Undefined.unsafe(target, name)
                : Undefined.member(run, target, name);
    }

    static Object item(Run run, Object target, Object key) {
        Values.failIfUndefined(target);
        Object found = null;
        if (target instanceof Dict dict) {
            boolean hashable =
                    !(key instanceof Dict) && (!(key instanceof List) || key instanceof Tuple);
            found = hashable ? dict.get(run, key) : null;
        } else if (Numbers.isInt(key) && target instanceof List<?> list) {
            int index = index(key, list.size());
            found = index < 0 ? null : list.get(index);
        } else if (Numbers.isInt(key) && target instanceof String text) {
            run.work(text.length() / 8);
            int index = index(key, text.codePointCount(0, text.length()));
            found =
                    index < 0
                            ? null
                            : Character.toString(
                                    text.codePointAt(text.offsetByCodePoints(0, index)));
        }
        if (found == null && key instanceof String name) {
            found = member(target, name);
            if (found == null && name.startsWith("__")) {
                found = Undefined.unsafe(target, name);
            }
        }
        return found != null ? found : Undefined.member(run, target, key);
    }

    private static int index(Object key, int size) {
        int index = Values.integer(key, "an index");
        index = index < 0 ? index + size : index;
        return index < size ? index : -1;
    }

    /** Returns the Python attribute of a value, or null if its type has none of that name. */
    private static @Nullable Object member(Object target, String name) {
        if (target instanceof String text) {
            return StringMethods.find(text, name);
        } else if (target instanceof Dict dict) {
            return DICT_CHANGES.contains(name)
                    ? Undefined.unsafe(target, name)
                    : dictMethod(dict, name);
        } else if (target instanceof List<?> list) {
            return target instanceof Tuple
                            || target instanceof Range
                            || !LIST_CHANGES.contains(name)
                    ? listMethod(list, name)
                    : Undefined.unsafe(target, name);
        } else if (target instanceof Namespace namespace) {
            return namespace.attributes().get(name);
        } else if (target instanceof Loop loop) {
            return loop.attribute(name);
        } else if (target instanceof Macro macro) {
            return macro.attribute(name);
        } else if (target instanceof Globals.Cycler cycler) {
            return cycler.attribute(name);
        } else if (target instanceof Double number && name.equals("is_integer")) {
            return method(name, (run, args) -> number == Math.rint(number) && !number.isInfinite());
        }
        return null;
    }

    static boolean isMember(Object target, String name) {
        return member(target, name) != null;
    }

    private static Callable method(String name, Callable body) {
        return new Callable.Function(name, body);
    }

    private static @Nullable Object dictMethod(Dict dict, String name) {
        return switch (name) {
            case "get" ->
                    method(
                            name,
                            (run, args) -> {
                                @Nullable Object[] bound = args.bind(name, 1, "key", "default");
                                Object key = bound[0] == null ? None.NONE : bound[0];
                                Object value = dict.get(run, key);
                                Object otherwise = bound[1] == null ? None.NONE : bound[1];
                                return value == null ? otherwise : value;
                            });
            case "items", "keys", "values" ->
                    method(
                            name,
                            (run, args) -> {
                                args.bind(name, 0);
                                return new DictView(name, dict);
                            });
            case "copy" ->
                    method(
                            name,
                            (run, args) -> {
                                Dict copy = new Dict();
                                copy.putAll(run, dict);
                                return copy;
                            });
            default -> null;
        };
    }

    private static @Nullable Object listMethod(List<?> list, String name) {
        if (list instanceof Tuple tuple && tuple.isGroup()) {
            if (name.equals("grouper") || name.equals("list")) {
                return tuple.get(name.equals("grouper") ? 0 : 1);
            }
        }
        return switch (name) {
            case "count" ->
                    method(
                            name,
                            (run, args) -> {
                                Object item = one(args, name);
                                return list.stream()
                                        .filter(other -> Values.equal(run, other, item))
                                        .count();
                            });
            case "index" ->
                    method(
                            name,
                            (run, args) -> {
                                Object item = one(args, name);
                                for (int i = 0; i < list.size(); i++) {
                                    if (Values.equal(run, list.get(i), item)) {
                                        return (long) i;
                                    }
                                }
                                throw new Failure(Repr.of(run, item) + " is not in list");
                            });
            case "copy" ->
                    list instanceof Tuple || list instanceof Range
                            ? null
                            : method(
                                    name,
                                    (run, args) -> {
                                        run.chargeElements(list.size());
                                        return new ArrayList<Object>(list);
                                    });
            default -> null;
        };
    }

    private static Object one(Args args, String name) {
        Object value = args.bind(name, 1, "value")[0];
        return value == null ? None.NONE : value;
    }

    /** Returns {@code target[start:stop:step]}; null stands for a part that is not written. */
    static Object slice(
            Run run,
            Object target,
            @Nullable Object start,
            @Nullable Object stop,
            @Nullable Object step) {
        Values.failIfUndefined(target);
        if (!(target instanceof String) && !(target instanceof List)) {
            throw new Failure("'" + Values.typeName(target) + "' object cannot be sliced");
        }
        int size = Values.length(target);
        int by = part(step, 1);
        if (by == 0) {
            throw new Failure("slice step cannot be zero");
        }
        int from = bound(part(start, by > 0 ? 0 : Integer.MAX_VALUE), size, by);
        int to =
                stop == null || stop == None.NONE
                        ? (by > 0 ? size : -1)
                        : bound(part(stop, 0), size, by);
        if (target instanceof String text) {
            return Strings.slice(run, text, size, from, to, by);
        }
        List<?> list = (List<?>) target;
        long count =
                Math.max(
                        0,
                        by > 0
                                ? ((long) to - from + by - 1) / by
                                : ((long) from - to - by - 1) / -(long) by);
        run.chargeElements(count);
        List<Object> items = new ArrayList<>();
        for (long i = 0; i < count; i++) {
            items.add(list.get((int) (from + i * by)));
        }
        return target instanceof Tuple ? Tuple.of(items) : items;
    }

    private static int part(@Nullable Object value, int absent) {
        return value == null || value == None.NONE
                ? absent
                : Values.integer(value, "a slice index");
    }

    private static int bound(int index, int size, int step) {
        if (index < 0) {
            return index + (long) size < 0 ? (step < 0 ? -1 : 0) : index + size;
        }
        return Math.min(index, step < 0 ? size - 1 : size);
    }
}
