package org.retain4j.core.text.jinja;

import java.math.BigInteger;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The functions that every template can call. */
final class Globals {

    private Globals() {}

    static void define(Scope scope) {
        define(scope, "range", Globals::range);
        define(scope, "dict", (run, args) -> dict(run, args, "dict"));
        define(scope, "namespace", (run, args) -> new Namespace(dict(run, args, "namespace")));
        define(scope, "raise_exception", Globals::raise);
        define(
                scope,
                "strftime_now",
                (run, args) -> {
                    Object format = args.bind("strftime_now", 1, "format")[0];
                    if (!(format instanceof String text)) {
                        throw new Failure("strftime_now() argument must be str");
                    }
                    return new Strftime(run, run.clock()).format(text);
                });
        define(scope, "cycler", (run, args) -> new Cycler(args.positional()));
        define(
                scope,
                "joiner",
                (run, args) -> {
                    Object separator = Filters.or(args.bind("joiner", 0, "sep")[0], ", ");
                    boolean[] used = new boolean[1];
                    return new Callable.Function(
                            "joiner",
                            (inner, none) -> {
                                boolean first = !used[0];
                                used[0] = true;
                                return first ? "" : separator;
                            });
                });
        define(
                scope,
                "lipsum",
                (run, args) -> {
                    throw new Failure("the function lipsum is not supported in chat templates");
                });
    }

    private static void define(Scope scope, String name, Callable body) {
        scope.set(name, new Callable.Function(name, body));
    }

    private static Object range(Run run, Args args) {
        @Nullable Object[] bound = args.bind("range", 1, "start", "stop", "step");
        long first = bound(bound[0]);
        return bound[1] == null
                ? new Range(0, first, 1)
                : new Range(first, bound(bound[1]), bound[2] == null ? 1 : bound(bound[2]));
    }

    private static long bound(@Nullable Object value) {
        Object number = Filters.or(value, None.NONE);
        Values.failIfUndefined(number);
        if (!Numbers.isInt(number)) {
            throw new Failure(
                    "'" + Values.typeName(number) + "' object cannot be interpreted as an integer");
        }
        BigInteger exact = Numbers.big(number);
        if (exact.bitLength() > 60) {
            throw new Failure("a range may have at most " + Range.MAX_SIZE + " numbers");
        }
        return exact.longValue();
    }

    private static Dict dict(Run run, Args args, String name) {
        Dict dict = new Dict();
        if (args.positional().size() > 1) {
            throw new Failure(name + " expected at most 1 argument");
        }
        for (Object source : args.positional()) {
            if (source instanceof Dict other) {
                dict.putAll(run, other);
                continue;
            }
            for (Object item : Values.iterate(run, source)) {
                List<Object> pair = Values.iterate(run, item);
                if (pair.size() != 2) {
                    throw new Failure("an item of the argument of " + name + " is not a pair");
                }
                dict.put(run, pair.get(0), pair.get(1));
            }
        }
        args.named().forEach((key, value) -> dict.put(run, key, value));
        return dict;
    }

    private static Object raise(Run run, Args args) {
        Object message = Filters.or(args.bind("raise_exception", 1, "message")[0], "");
        throw Failure.raised(Values.text(run, message));
    }

    /** What {@code cycler} makes: items that take turns. */
    static final class Cycler {

        private final List<Object> items;
        private int position;

        Cycler(List<Object> items) {
            if (items.isEmpty()) {
                throw new Failure("at least one item has to be provided");
            }
            this.items = new ArrayList<>(items);
        }

        @Nullable Object attribute(String name) {
            return switch (name) {
                case "current" -> items.get(position);
                case "next" ->
                        new Callable.Function(
                                name,
                                (run, args) -> {
                                    Object item = items.get(position);
                                    position = (position + 1) % items.size();
                                    return item;
                                });
                case "reset" ->
                        new Callable.Function(
                                name,
                                (run, args) -> {
                                    position = 0;
                                    return None.NONE;
                                });
                default -> null;
            };
        }
    }
}
