package org.retain4j.core.text.jinja;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** A macro, or the body of a {@code call} block, together with the variables around it. */
final class Macro implements Callable {

    /** A parameter and the expression of its default, if it has one. */
    record Parameter(String name, @Nullable Expr otherwise) {}

    /**
     * What is written in the template.
     *
     * @param read names that the body reads; {@code caller}, {@code varargs} and {@code kwargs}
     *     among them say what else the macro takes
     */
    record Definition(String name, List<Parameter> parameters, Set<String> read, Stmt body) {}

    private final Definition definition;
    private final Scope around;

    Macro(Definition definition, Scope around) {
        this.definition = definition;
        this.around = around;
    }

    String name() {
        return definition.name;
    }

    @Nullable Object attribute(String name) {
        return switch (name) {
            case "name" -> definition.name;
            case "arguments" ->
                    Tuple.of(definition.parameters.stream().<Object>map(Parameter::name).toList());
            case "catch_kwargs" -> definition.read.contains("kwargs");
            case "catch_varargs" -> definition.read.contains("varargs");
            case "caller" -> definition.read.contains("caller");
            default -> null;
        };
    }

    @Override
    public Object call(Run run, Args args) {
        Scope scope = around.inner();
        Map<String, Object> named = new LinkedHashMap<>(args.named());
        List<Object> positional = args.positional();
        List<Parameter> parameters = definition.parameters;
        for (int i = 0; i < parameters.size(); i++) {
            Parameter parameter = parameters.get(i);
            Object value = i < positional.size() ? positional.get(i) : named.remove(parameter.name);
            if (value == null) {
                value =
                        parameter.otherwise == null
                                ? new Undefined(
                                        "parameter '" + parameter.name + "' was not provided")
                                : run.eval(parameter.otherwise, scope);
            }
            scope.set(parameter.name, value);
        }
        boolean callerIsParameter = parameters.stream().anyMatch(p -> p.name.equals("caller"));
        if (definition.read.contains("caller") && !callerIsParameter) {
            Object caller = named.remove("caller");
            scope.set("caller", caller == null ? new Undefined("No caller defined") : caller);
        }
        takeRest(run, scope, positional, named);
        Output out = new Output(run);
        int line = run.line();
        definition.body.run(scope, out);
        run.line(line);
        return out.toString();
    }

    private void takeRest(
            Run run, Scope scope, List<Object> positional, Map<String, Object> named) {
        int count = definition.parameters.size();
        if (definition.read.contains("kwargs")) {
            Dict rest = new Dict();
            named.forEach((key, value) -> rest.put(run, key, value));
            scope.set("kwargs", rest);
        } else if (!named.isEmpty()) {
            throw new Failure(
                    "macro '"
                            + definition.name
                            + "' takes no keyword argument '"
                            + named.keySet().iterator().next()
                            + "'");
        }
        if (definition.read.contains("varargs")) {
            int from = Math.min(count, positional.size());
            scope.set("varargs", Tuple.of(positional.subList(from, positional.size())));
        } else if (positional.size() > count) {
            throw new Failure(
                    "macro '"
                            + definition.name
                            + "' takes not more than "
                            + count
                            + " argument(s)");
        }
    }
}
