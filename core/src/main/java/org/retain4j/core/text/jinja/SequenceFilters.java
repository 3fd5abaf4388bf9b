package org.retain4j.core.text.jinja;

import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/** Jinja's filters for lists and other things with items. */
final class SequenceFilters {

    static final Map<String, Filters.Filter> FILTERS = new HashMap<>();

    static {
        FILTERS.put("length", (run, v, args) -> (long) Values.length(v));
        FILTERS.put("count", (run, v, args) -> (long) Values.length(v));
        FILTERS.put("list", SequenceFilters::list);
        FILTERS.put("first", SequenceFilters::first);
        FILTERS.put("last", SequenceFilters::last);
        FILTERS.put("join", SequenceFilters::join);
        FILTERS.put("reverse", SequenceFilters::reverse);
        FILTERS.put("sort", SequenceFilters::sort);
        FILTERS.put("unique", SequenceFilters::unique);
        FILTERS.put("min", (run, v, args) -> extreme(run, v, args, "min"));
        FILTERS.put("max", (run, v, args) -> extreme(run, v, args, "max"));
        FILTERS.put("sum", SequenceFilters::sum);
        FILTERS.put("map", SequenceFilters::map);
        FILTERS.put("select", (run, v, args) -> select(run, v, args, false, true));
        FILTERS.put("reject", (run, v, args) -> select(run, v, args, false, false));
        FILTERS.put("selectattr", (run, v, args) -> select(run, v, args, true, true));
        FILTERS.put("rejectattr", (run, v, args) -> select(run, v, args, true, false));
        FILTERS.put("items", SequenceFilters::items);
        FILTERS.put("dictsort", SequenceFilters::dictSort);
        FILTERS.put("groupby", SequenceFilters::groupBy);
        FILTERS.put("batch", SequenceFilters::batch);
        FILTERS.put("slice", SequenceFilters::slice);
    }

    private SequenceFilters() {}

    private static Object list(Run run, Object value, Args args) {
        args.bind("list", 0);
        List<Object> items = Values.iterate(run, value);
        run.chargeElements(items.size());
        return new ArrayList<>(items);
    }

    private static Object first(Run run, Object value, Args args) {
        List<Object> items =
                value instanceof Generator generator
                        ? generator.drain(1)
                        : value instanceof String text ? firstOf(text) : Values.iterate(run, value);
        return items.isEmpty() ? new Undefined("No first item, sequence was empty.") : items.get(0);
    }

    private static List<Object> firstOf(String text) {
        return text.isEmpty() ? List.of() : List.of(Character.toString(text.codePointAt(0)));
    }

    private static Object last(Run run, Object value, Args args) {
        failIfGenerator(value);
        if (value instanceof String text && !text.isEmpty()) {
            return Character.toString(text.codePointBefore(text.length()));
        }
        List<Object> items = Values.iterate(run, value);
        return items.isEmpty()
                ? new Undefined("No last item, sequence was empty.")
                : items.get(items.size() - 1);
    }

    private static void failIfGenerator(Object value) {
        if (value instanceof Generator) {
            throw new Failure("'generator' object is not reversible; put the filter list before");
        }
    }

    private static Object join(Run run, Object value, Args args) {
        @Nullable Object[] bound = args.bind("join", 0, "d", "attribute");
        UnaryOperator<Object> getter = getter(run, bound[1], null);
        List<String> parts = new ArrayList<>();
        for (Object item : Values.iterate(run, value)) {
            run.chargePart(Run.ELEMENT);
            parts.add(Values.text(run, getter.apply(item)));
        }
        return Strings.join(run, Values.text(run, Filters.or(bound[0], "")), parts);
    }

    private static Object reverse(Run run, Object value, Args args) {
        if (value instanceof String text) {
            return Strings.reverse(run, text);
        }
        List<Object> items = new ArrayList<>(Values.iterate(run, value));
        run.chargeElements(items.size());
        Collections.reverse(items);
        return new Generator(items);
    }

    /**
     * Returns a function from an item to the value under a path such as {@code function.name}.
     *
     * @param attribute a path, an index, or null for the item itself
     * @param otherwise what an undefined value is replaced by, null for nothing
     */
    private static UnaryOperator<Object> getter(
            Run run, @Nullable Object attribute, @Nullable Object otherwise) {
        if (attribute == null || attribute == None.NONE) {
            return item -> item;
        }
        List<Object> path = new ArrayList<>();
        if (attribute instanceof String text) {
            for (Object part : Strings.split(run, text, ".", -1)) {
                String name = (String) part;
                path.add(name.matches("[0-9]{1,9}") ? (Object) Long.valueOf(name) : name);
            }
        } else {
            path.add(attribute);
        }
        return item -> {
            Object value = item;
            for (Object part : path) {
                value = Access.item(run, value, part);
                if (value instanceof Undefined && otherwise != null) {
                    value = otherwise;
                }
            }
            return value;
        };
    }

    private static UnaryOperator<Object> caseFolder(Run run, boolean caseSensitive) {
        return value ->
                !caseSensitive && value instanceof String text ? Strings.lower(run, text) : value;
    }

    private static void sort(Run run, List<Map.Entry<Object, Object>> keyed, boolean reverse) {
        Comparator<Map.Entry<Object, Object>> order =
                (a, b) -> Values.compare(run, a.getKey(), b.getKey(), "<");
        try {
            keyed.sort(reverse ? order.reversed() : order);
        } catch (IllegalArgumentException e) {
            throw new Failure("values to sort that have no order, such as NaN");
        }
    }

    private static List<Map.Entry<Object, Object>> keyed(
            Run run, List<Object> items, UnaryOperator<Object> key) {
        run.chargeElements(2L * items.size());
        List<Map.Entry<Object, Object>> keyed = new ArrayList<>();
        for (Object item : items) {
            keyed.add(Map.entry(key.apply(item), item));
        }
        return keyed;
    }

    private static List<Object> values(List<Map.Entry<Object, Object>> keyed) {
        List<Object> items = new ArrayList<>();
        keyed.forEach(entry -> items.add(entry.getValue()));
        return items;
    }

    private static Object sort(Run run, Object value, Args args) {
        @Nullable Object[] bound = args.bind("sort", 0, "reverse", "case_sensitive", "attribute");
        UnaryOperator<Object> fold = caseFolder(run, Values.truth(Filters.or(bound[1], false)));
        List<UnaryOperator<Object>> getters = new ArrayList<>();
        if (bound[2] instanceof String attributes) {
            for (Object attribute : Strings.split(run, attributes, ",", -1)) {
                getters.add(getter(run, attribute, null));
            }
        } else {
            getters.add(getter(run, bound[2], null));
        }
        List<Map.Entry<Object, Object>> keyed =
                keyed(
                        run,
                        Values.iterate(run, value),
                        item -> {
                            List<Object> key = new ArrayList<>();
                            getters.forEach(getter -> key.add(fold.apply(getter.apply(item))));
                            return key;
                        });
        sort(run, keyed, Values.truth(Filters.or(bound[0], false)));
        return values(keyed);
    }

    private static Object unique(Run run, Object value, Args args) {
        @Nullable Object[] bound = args.bind("unique", 0, "case_sensitive", "attribute");
        UnaryOperator<Object> fold = caseFolder(run, Values.truth(Filters.or(bound[0], false)));
        UnaryOperator<Object> getter = getter(run, bound[1], null);
        Set<Object> seen = new HashSet<>();
        List<Object> items = new ArrayList<>();
        for (Object item : Values.iterate(run, value)) {
            run.chargePart(2L * Run.ELEMENT);
            if (seen.add(Dict.hashKey(run, fold.apply(getter.apply(item))))) {
                items.add(item);
            }
        }
        return new Generator(items);
    }

    private static Object extreme(Run run, Object value, Args args, String name) {
        @Nullable Object[] bound = args.bind(name, 0, "case_sensitive", "attribute");
        UnaryOperator<Object> fold = caseFolder(run, Values.truth(Filters.or(bound[0], false)));
        UnaryOperator<Object> getter = getter(run, bound[1], null);
        Object best = null;
        Object bestKey = null;
        for (Object item : Values.iterate(run, value)) {
            Object key = fold.apply(getter.apply(item));
            if (best == null || bestKey == null) {
                best = item;
                bestKey = key;
                continue;
            }
            String operator = name.equals("min") ? "<" : ">";
            if (Operators.compare(run, operator, key, bestKey)) {
                best = item;
                bestKey = key;
            }
        }
        return best == null ? new Undefined("No aggregated item, sequence was empty.") : best;
    }

    private static Object sum(Run run, Object value, Args args) {
        @Nullable Object[] bound = args.bind("sum", 0, "attribute", "start");
        UnaryOperator<Object> getter = getter(run, bound[0], null);
        Object total = Filters.or(bound[1], 0L);
        if (total instanceof String) {
            throw new Failure("sum() can't sum strings");
        }
        for (Object item : Values.iterate(run, value)) {
            total = Operators.apply(run, "+", total, getter.apply(item));
        }
        return total;
    }

    private static Object map(Run run, Object value, Args args) {
        UnaryOperator<Object> function;
        if (args.positional().isEmpty() && args.named().containsKey("attribute")) {
            Map<String, Object> named = new LinkedHashMap<>(args.named());
            Object attribute = named.remove("attribute");
            Object otherwise = named.remove("default");
            if (!named.isEmpty()) {
                throw new Failure(
                        "Unexpected keyword argument '" + named.keySet().iterator().next() + "'");
            }
            function = getter(run, attribute, otherwise == None.NONE ? null : otherwise);
        } else if (!args.positional().isEmpty()) {
            String name = Values.text(run, args.positional().get(0));
            Args rest = args.from(1);
            function = item -> Filters.apply(run, name, item, rest);
        } else {
            throw new Failure("map requires a filter argument");
        }
        return new Generator(mapped(run, value, function));
    }

    private static List<Object> mapped(Run run, Object value, UnaryOperator<Object> function) {
        List<Object> items = new ArrayList<>();
        for (Object item : Values.iterate(run, value)) {
            run.step();
            run.chargePart(Run.ELEMENT);
            items.add(function.apply(item));
        }
        return items;
    }

    private static Object select(
            Run run, Object value, Args args, boolean byAttribute, boolean keep) {
        int used = byAttribute ? 1 : 0;
        if (args.positional().size() < used) {
            throw new Failure("Missing parameter for attribute name");
        }
        UnaryOperator<Object> getter =
                byAttribute ? getter(run, args.positional().get(0), null) : item -> item;
        boolean tested = args.positional().size() > used;
        String test = tested ? Values.text(run, args.positional().get(used)) : "";
        Args rest = args.from(used + 1);
        List<Object> items = new ArrayList<>();
        for (Object item : Values.iterate(run, value)) {
            run.step();
            Object subject = getter.apply(item);
            boolean passes = tested ? Tests.apply(run, test, subject, rest) : Values.truth(subject);
            if (passes == keep) {
                run.chargePart(Run.ELEMENT);
                items.add(item);
            }
        }
        return new Generator(items);
    }

    private static Object items(Run run, Object value, Args args) {
        if (value instanceof Undefined) {
            return new Generator(List.of());
        }
        return new Generator(dict(value, "items").items(run));
    }

    private static Dict dict(Object value, String filter) {
        if (value instanceof Dict dict) {
            return dict;
        }
        Values.failIfUndefined(value);
        throw new Failure(
                "the filter " + filter + " needs a dict, got a " + Values.typeName(value));
    }

    private static Object dictSort(Run run, Object value, Args args) {
        @Nullable Object[] bound = args.bind("dictsort", 0, "case_sensitive", "by", "reverse");
        UnaryOperator<Object> fold = caseFolder(run, Values.truth(Filters.or(bound[0], false)));
        Object by = Filters.or(bound[1], "key");
        if (!by.equals("key") && !by.equals("value")) {
            throw new Failure("You can only sort by either \"key\" or \"value\"");
        }
        int index = by.equals("key") ? 0 : 1;
        List<Map.Entry<Object, Object>> keyed =
                keyed(
                        run,
                        dict(value, "dictsort").items(run),
                        item -> fold.apply(((Tuple) item).get(index)));
        sort(run, keyed, Values.truth(Filters.or(bound[2], false)));
        return values(keyed);
    }

    private static Object groupBy(Run run, Object value, Args args) {
        @Nullable Object[] bound =
                args.bind("groupby", 1, "attribute", "default", "case_sensitive");
        UnaryOperator<Object> fold = caseFolder(run, Values.truth(Filters.or(bound[2], false)));
        Object otherwise = bound[1] == None.NONE ? null : bound[1];
        UnaryOperator<Object> getter = getter(run, bound[0], otherwise);
        List<Map.Entry<Object, Object>> keyed =
                keyed(run, Values.iterate(run, value), item -> fold.apply(getter.apply(item)));
        sort(run, keyed, false);
        List<Object> groups = new ArrayList<>();
        List<Object> members = new ArrayList<>();
        for (int i = 0; i < keyed.size(); i++) {
            members.add(keyed.get(i).getValue());
            Object key = keyed.get(i).getKey();
            if (i + 1 == keyed.size() || !Values.equal(run, key, keyed.get(i + 1).getKey())) {
                run.chargeElements(members.size());
                groups.add(Tuple.group(getter.apply(members.get(0)), members));
                members = new ArrayList<>();
            }
        }
        return groups;
    }

    private static Object batch(Run run, Object value, Args args) {
        @Nullable Object[] bound = args.bind("batch", 1, "linecount", "fill_with");
        int size = Values.integer(Filters.or(bound[0], 1L), "the size of batch");
        List<Object> batches = new ArrayList<>();
        List<Object> batch = new ArrayList<>();
        for (Object item : Values.iterate(run, value)) {
            if (batch.size() == size) {
                batches.add(batch);
                batch = new ArrayList<>();
            }
            run.chargePart(3L * Run.ELEMENT);
            batch.add(item);
        }
        if (!batch.isEmpty()) {
            int missing = size - batch.size();
            if (bound[1] != null && bound[1] != None.NONE && missing > 0) {
                run.chargeElements(missing);
                batch.addAll(Collections.nCopies(missing, bound[1]));
            }
            batches.add(batch);
        }
        return new Generator(batches);
    }

    private static Object slice(Run run, Object value, Args args) {
        @Nullable Object[] bound = args.bind("slice", 1, "slices", "fill_with");
        int count = Values.integer(Filters.or(bound[0], 1L), "the number of slices");
        if (count < 1) {
            throw new Failure("the number of slices must be at least 1");
        }
        List<Object> items = Values.iterate(run, value);
        run.chargeElements(3L * count + items.size());
        int length = items.size() / count;
        int longer = items.size() % count;
        List<Object> slices = new ArrayList<>();
        int start = 0;
        for (int i = 0; i < count; i++) {
            int end = start + length + (i < longer ? 1 : 0);
            List<Object> slice = new ArrayList<>(items.subList(start, end));
            if (bound[1] != null && bound[1] != None.NONE && i >= longer) {
                slice.add(bound[1]);
            }
            slices.add(slice);
            start = end;
        }
        return new Generator(slices);
    }
}
