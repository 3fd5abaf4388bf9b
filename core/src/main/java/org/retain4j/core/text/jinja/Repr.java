package org.retain4j.core.text.jinja;

import java.util.List;
import java.util.Map;

/** Writes values as Python's {@code repr} does. */
final class Repr {

    private Repr() {}

    static String of(Run run, Object value) {
        Output out = new Output(run);
        write(run, value, out);
        return out.toString();
    }

    private static void write(Run run, Object value, Output out) {
        run.step();
        if (value instanceof String text) {
            run.charge(text.length());
            out.add(quote(text));
        } else if (value instanceof Boolean bool) {
            out.add(bool ? "True" : "False");
        } else if (value instanceof Double number) {
            out.add(Numbers.text(number));
        } else if (value == None.NONE) {
            out.add("None");
        } else if (value instanceof Undefined) {
            out.add("Undefined");
        } else if (value instanceof Range range) {
            out.add(range.describe());
        } else if (value instanceof Tuple tuple) {
            writeAll(run, tuple, "(", tuple.size() == 1 ? ",)" : ")", out);
        } else if (value instanceof List<?> list) {
            writeAll(run, list, "[", "]", out);
        } else if (value instanceof Dict dict) {
            writeDict(run, dict, out);
        } else if (value instanceof DictView view) {
            writeAll(run, view.list(run), "dict_" + view.kind() + "([", "])", out);
        } else if (value instanceof Namespace namespace) {
            out.add("<Namespace ");
            writeDict(run, namespace.attributes(), out);
            out.add(">");
        } else if (Numbers.isInt(value)) {
            out.add(value.toString());
        } else if (value instanceof Loop loop) {
            out.add(loop.toString());
        } else if (value instanceof Macro macro) {
            out.add("<Macro " + quote(macro.name()) + ">");
        } else if (value instanceof Callable.Function function) {
            out.add("<function " + function.name() + ">");
        } else {
            out.add("<" + Values.typeName(value) + " object>");
        }
    }

    private static void writeAll(Run run, List<?> items, String open, String close, Output out) {
        run.enter();
        String separator = open;
        for (Object item : items) {
            out.add(separator);
            write(run, item, out);
            separator = ", ";
        }
        out.add(items.isEmpty() ? open : "").add(close);
        run.leave();
    }

    private static void writeDict(Run run, Dict dict, Output out) {
        run.enter();
        String separator = "{";
        for (Map.Entry<Object, Object> entry : dict.entries()) {
            out.add(separator);
            write(run, entry.getKey(), out);
            out.add(": ");
            write(run, entry.getValue(), out);
            separator = ", ";
        }
        out.add(dict.size() == 0 ? "{}" : "}");
        run.leave();
    }

    static String quote(String text) {
        char quote = text.indexOf('\'') >= 0 && text.indexOf('"') < 0 ? '"' : '\'';
        StringBuilder out = new StringBuilder().append(quote);
        text.codePoints()
                .forEach(
                        c -> {
                            if (c == quote || c == '\\') {
                                out.append('\\').append((char) c);
                            } else if (c == '\n') {
                                out.append("\\n");
                            } else if (c == '\r') {
                                out.append("\\r");
                            } else if (c == '\t') {
                                out.append("\\t");
                            } else if (Strings.isPrintable(c)) {
                                out.appendCodePoint(c);
                            } else if (c < 0x100) {
                                out.append("\\x" + Strings.hex(c, 2));
                            } else if (c < 0x10000) {
                                out.append("\\u" + Strings.hex(c, 4));
                            } else {
                                out.append("\\U" + Strings.hex(c, 8));
                            }
                        });
        return out.append(quote).toString();
    }
}
