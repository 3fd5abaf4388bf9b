package org.retain4j.core.text.jinja;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The kinds of expressions. */
final class Expressions {

    private Expressions() {}

    record Constant(Object value) implements Expr {
        @Override
        public Object eval(Scope scope) {
            return value;
        }
    }

    record Name(String name) implements Expr {
        @Override
        public Object eval(Scope scope) {
            return scope.get(name);
        }
    }

    private static List<Object> all(List<Expr> expressions, Scope scope) {
        scope.run().chargeElements(expressions.size());
        List<Object> values = new ArrayList<>(expressions.size());
        for (Expr expression : expressions) {
            values.add(scope.run().eval(expression, scope));
        }
        return values;
    }

    record ListLiteral(List<Expr> items) implements Expr {
        @Override
        public Object eval(Scope scope) {
            return all(items, scope);
        }
    }

    record TupleLiteral(List<Expr> items) implements Expr {
        @Override
        public Object eval(Scope scope) {
            return Tuple.of(all(items, scope));
        }
    }

    record Pair(Expr key, Expr value) {}

    record DictLiteral(List<Pair> pairs) implements Expr {
        @Override
        public Object eval(Scope scope) {
            Run run = scope.run();
            Dict dict = new Dict();
            for (Pair pair : pairs) {
                dict.put(run, run.eval(pair.key, scope), run.eval(pair.value, scope));
            }
            return dict;
        }
    }

    record Conditional(Expr test, Expr value, @Nullable Expr otherwise) implements Expr {
        @Override
        public Object eval(Scope scope) {
            if (Values.truth(scope.run().eval(test, scope))) {
                return scope.run().eval(value, scope);
            }
            return otherwise == null
                    ? new Undefined("an inline if without else was false")
                    : scope.run().eval(otherwise, scope);
        }
    }

    record Or(List<Expr> parts) implements Expr {
        @Override
        public Object eval(Scope scope) {
            Object value = false;
            for (Expr part : parts) {
                value = scope.run().eval(part, scope);
                if (Values.truth(value)) {
                    break;
                }
            }
            return value;
        }
    }

    record And(List<Expr> parts) implements Expr {
        @Override
        public Object eval(Scope scope) {
            Object value = true;
            for (Expr part : parts) {
                value = scope.run().eval(part, scope);
                if (!Values.truth(value)) {
                    break;
                }
            }
            return value;
        }
    }

    record Not(Expr value) implements Expr {
        @Override
        public Object eval(Scope scope) {
            return !Values.truth(scope.run().eval(value, scope));
        }
    }

    record Operand(String operator, Expr value) {}

    record Comparison(Expr first, List<Operand> operands) implements Expr {
        @Override
        public Object eval(Scope scope) {
            Run run = scope.run();
            Object left = run.eval(first, scope);
            for (Operand operand : operands) {
                Object right = run.eval(operand.value, scope);
                if (!Operators.compare(run, operand.operator, left, right)) {
                    return false;
                }
                left = right;
            }
            return true;
        }
    }

    record Arithmetic(Expr first, List<Operand> operands) implements Expr {
        @Override
        public Object eval(Scope scope) {
            Run run = scope.run();
            Object value = run.eval(first, scope);
            for (Operand operand : operands) {
                Object right = run.eval(operand.value, scope);
                value = Operators.apply(run, operand.operator, value, right);
            }
            return value;
        }
    }

    record Concatenation(List<Expr> parts) implements Expr {
        @Override
        public Object eval(Scope scope) {
            Output out = new Output(scope.run());
            for (Expr part : parts) {
                out.add(Values.text(scope.run(), scope.run().eval(part, scope)));
            }
            return out.toString();
        }
    }

    record Sign(boolean negative, Expr value) implements Expr {
        @Override
        public Object eval(Scope scope) {
            return Operators.sign(negative, scope.run().eval(value, scope));
        }
    }

    record Attribute(Expr target, String name) implements Expr {
        @Override
        public Object eval(Scope scope) {
            return Access.attribute(scope.run(), scope.run().eval(target, scope), name);
        }
    }

    record Item(Expr target, Expr key) implements Expr {
        @Override
        public Object eval(Scope scope) {
            Run run = scope.run();
            return Access.item(run, run.eval(target, scope), run.eval(key, scope));
        }
    }

    record Slice(Expr target, @Nullable Expr start, @Nullable Expr stop, @Nullable Expr step)
            implements Expr {
        @Override
        public Object eval(Scope scope) {
            Run run = scope.run();
            return Access.slice(
                    run,
                    run.eval(target, scope),
                    start == null ? null : run.eval(start, scope),
                    stop == null ? null : run.eval(stop, scope),
                    step == null ? null : run.eval(step, scope));
        }
    }

    record Call(Expr target, List<Args.Written> arguments) implements Expr {
        @Override
        public Object eval(Scope scope) {
            return call(scope, Args.evaluate(arguments, scope));
        }

        /** Calls with other arguments than those that are written. */
        Object call(Scope scope, Args args) {
            Run run = scope.run();
            Object function = run.eval(target, scope);
            Values.failIfUndefined(function);
            if (!(function instanceof Callable callable)) {
                throw new Failure("'" + Values.typeName(function) + "' object is not callable");
            }
            run.enter();
            Object result = callable.call(run, args);
            run.leave();
            return result;
        }
    }

    record FilterCall(Expr value, String name, List<Args.Written> arguments) implements Expr {
        @Override
        public Object eval(Scope scope) {
            Object input = scope.run().eval(value, scope);
            return Filters.apply(scope.run(), name, input, Args.evaluate(arguments, scope));
        }
    }

    record TestCall(Expr value, String name, List<Args.Written> arguments) implements Expr {
        @Override
        public Object eval(Scope scope) {
            Object input = scope.run().eval(value, scope);
            return Tests.apply(scope.run(), name, input, Args.evaluate(arguments, scope));
        }
    }
}
