package org.retain4j.core.text.jinja;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Writes values as JSON the way Python's {@code json.dumps} does. */
final class Json {

    private final Run run;
    private final Output out;
    private final boolean ascii;
    private final @Nullable String indent;
    private final String itemSeparator;
    private final String keySeparator;
    private final boolean sorted;

    private Json(
            Run run,
            boolean ascii,
            @Nullable String indent,
            String itemSeparator,
            String keySeparator,
            boolean sorted) {
        this.run = run;
        this.out = new Output(run);
        this.ascii = ascii;
        this.indent = indent;
        this.itemSeparator = itemSeparator;
        this.keySeparator = keySeparator;
        this.sorted = sorted;
    }

    /** The filter {@code tojson} with the parameters that transformers gives it. */
    static Object filter(Run run, Object value, Args args) {
        @Nullable Object[] bound =
                args.bind("tojson", 0, "ensure_ascii", "indent", "separators", "sort_keys");
        Object width = bound[1] == null ? None.NONE : bound[1];
        String indent = null;
        if (width instanceof String text) {
            indent = text;
        } else if (width != None.NONE) {
            int count = Math.max(0, Values.integer(width, "the indent of tojson"));
            run.charge(count);
            indent = " ".repeat(count);
        }
        String itemSeparator = indent == null ? ", " : ",";
        String keySeparator = ": ";
        if (bound[2] != null && bound[2] != None.NONE) {
            if (!(bound[2] instanceof List<?> pair)
                    || pair.size() != 2
                    || !(pair.get(0) instanceof String first)
                    || !(pair.get(1) instanceof String second)) {
                throw new Failure("the separators of tojson must be two texts");
            }
            itemSeparator = first;
            keySeparator = second;
        }
        Json json =
                new Json(
                        run,
                        bound[0] != null && Values.truth(bound[0]),
                        indent,
                        itemSeparator,
                        keySeparator,
                        bound[3] != null && Values.truth(bound[3]));
        json.write(value, 0);
        return json.out.toString();
    }

    private void write(Object value, int level) {
        run.step();
        if (value instanceof String text) {
            quote(text);
        } else if (Numbers.is(value) || value == None.NONE) {
            out.add(scalar(value));
        } else if (value instanceof Dict dict) {
            writeDict(dict, level);
        } else if (value instanceof List<?> list && !(value instanceof Range)) {
            writeList(list, level);
        } else {
            throw new Failure(
                    "Object of type " + Values.typeName(value) + " is not JSON serializable");
        }
    }

    private static String scalar(Object value) {
        if (value == None.NONE) {
            return "null";
        }
        if (value instanceof Double number && !Double.isFinite(number)) {
            return number.isNaN() ? "NaN" : number > 0 ? "Infinity" : "-Infinity";
        }
        return value instanceof Double number ? Numbers.text(number) : value.toString();
    }

    private void writeList(List<?> list, int level) {
        if (list.isEmpty()) {
            out.add("[]");
            return;
        }
        run.enter();
        out.add('[');
        boolean first = true;
        for (Object item : list) {
            next(first, level + 1);
            write(item, level + 1);
            first = false;
        }
        lineBreak(level);
        out.add(']');
        run.leave();
    }

    private void writeDict(Dict dict, int level) {
        if (dict.size() == 0) {
            out.add("{}");
            return;
        }
        run.enter();
        List<Map.Entry<Object, Object>> entries = new ArrayList<>();
        dict.entries().forEach(entries::add);
        if (sorted) {
            entries.sort((a, b) -> Values.compare(run, a.getKey(), b.getKey(), "<"));
        }
        out.add('{');
        boolean first = true;
        for (Map.Entry<Object, Object> entry : entries) {
            next(first, level + 1);
            Object key = entry.getKey();
            if (!(key instanceof String) && !Numbers.is(key) && key != None.NONE) {
                throw new Failure(
                        "keys must be str, int, float, bool or None, not " + Values.typeName(key));
            }
            quote(key instanceof String text ? text : scalar(key));
            out.add(keySeparator);
            write(entry.getValue(), level + 1);
            first = false;
        }
        lineBreak(level);
        out.add('}');
        run.leave();
    }

    private void next(boolean first, int level) {
        if (!first) {
            out.add(itemSeparator);
        }
        lineBreak(level);
    }

    private void lineBreak(int level) {
        if (indent != null) {
            out.add('\n').repeat(indent, level);
        }
    }

    private void quote(String text) {
        out.add('"');
        int done = 0;
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (c >= ' ' && c != '"' && c != '\\' && (c < 0x7f || !ascii)) {
                continue;
            }
            if (c == 0x7f) {
                continue;
            }
            out.add(text, done, i);
            done = i + 1;
            switch (c) {
                case '"' -> out.add("\\\"");
                case '\\' -> out.add("\\\\");
                case '\n' -> out.add("\\n");
                case '\r' -> out.add("\\r");
                case '\t' -> out.add("\\t");
                case '\f' -> out.add("\\f");
                case '\b' -> out.add("\\b");
                default -> out.add("\\u" + Strings.hex(c, 4));
            }
        }
        out.add(text, done, text.length()).add('"');
    }
}
