package org.retain4j.core.text.jinja;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** The kinds of statements. */
final class Statements {

    /** The name under which a captured text reaches the filters after it; not a name of Jinja. */
    private static final String CAPTURED = " captured";

    private Statements() {}

    record Line(int number, Stmt statement) {}

    record Body(List<Line> lines) implements Stmt {
        @Override
        public Flow run(Scope scope, Output out) {
            Run run = scope.run();
            for (Line line : lines) {
                run.step();
                run.line(line.number);
                Flow flow = line.statement.run(scope, out);
                if (flow != Flow.NEXT) {
                    return flow;
                }
            }
            return Flow.NEXT;
        }
    }

    record Text(String text) implements Stmt {
        @Override
        public Flow run(Scope scope, Output out) {
            out.add(text);
            return Flow.NEXT;
        }
    }

    record Print(Expr value) implements Stmt {
        @Override
        public Flow run(Scope scope, Output out) {
            out.add(Values.text(scope.run(), scope.run().eval(value, scope)));
            return Flow.NEXT;
        }
    }

    record LoopControl(Flow flow) implements Stmt {
        @Override
        public Flow run(Scope scope, Output out) {
            return flow;
        }
    }

    record Branch(Expr test, Stmt body) {}

    record Condition(List<Branch> branches, @Nullable Stmt otherwise) implements Stmt {
        @Override
        public Flow run(Scope scope, Output out) {
            for (Branch branch : branches) {
                if (Values.truth(scope.run().eval(branch.test, scope))) {
                    return branch.body.run(scope, out);
                }
            }
            return otherwise == null ? Flow.NEXT : otherwise.run(scope, out);
        }
    }

    record For(
            Target target,
            Expr items,
            @Nullable Expr test,
            boolean recursive,
            Stmt body,
            @Nullable Stmt otherwise)
            implements Stmt {

        @Override
        public Flow run(Scope scope, Output out) {
            return run(scope, out, scope.run().eval(items, scope), 1);
        }

        Flow run(Scope scope, Output out, Object source, int depth) {
            Run run = scope.run();
            List<Object> values = filtered(scope, Values.iterate(run, source));
            if (values.isEmpty()) {
                return otherwise == null ? Flow.NEXT : otherwise.run(scope.inner(), out);
            }
            Loop loop = new Loop(this, scope, values, depth);
            for (int i = 0; i < values.size(); i++) {
                run.step();
                loop.index(i);
                Scope inner = scope.inner();
                inner.set("loop", loop);
                target.assign(inner, values.get(i));
                if (body.run(inner, out) == Flow.BREAK) {
                    break;
                }
            }
            return Flow.NEXT;
        }

        private List<Object> filtered(Scope scope, List<Object> values) {
            if (test == null) {
                return values;
            }
            scope.run().chargeElements(values.size());
            List<Object> kept = new ArrayList<>();
            for (Object value : values) {
                Scope inner = scope.inner();
                target.assign(inner, value);
                if (Values.truth(scope.run().eval(test, inner))) {
                    kept.add(value);
                }
            }
            return kept;
        }
    }

    record Assignment(Target target, Expr value) implements Stmt {
        @Override
        public Flow run(Scope scope, Output out) {
            target.assign(scope, scope.run().eval(value, scope));
            return Flow.NEXT;
        }
    }

    /** Stands for the text of a block in the filters after its tag. */
    record Captured() implements Expr {
        @Override
        public Object eval(Scope scope) {
            return scope.get(CAPTURED);
        }
    }

    private static Stmt.Flow capture(Scope inner, Stmt body) {
        Output text = new Output(inner.run());
        Stmt.Flow flow = body.run(inner, text);
        inner.set(CAPTURED, text.toString());
        return flow;
    }

    record CaptureAssignment(Target target, Expr value, Stmt body) implements Stmt {
        @Override
        public Flow run(Scope scope, Output out) {
            Scope inner = scope.inner();
            Flow flow = capture(inner, body);
            if (flow == Flow.NEXT) {
                target.assign(scope, scope.run().eval(value, inner));
            }
            return flow;
        }
    }

    record FilterBlock(Expr value, Stmt body) implements Stmt {
        @Override
        public Flow run(Scope scope, Output out) {
            Scope inner = scope.inner();
            Flow flow = capture(inner, body);
            if (flow == Flow.NEXT) {
                out.add(Values.text(scope.run(), scope.run().eval(value, inner)));
            }
            return flow;
        }
    }

    record MacroDefinition(Macro.Definition definition) implements Stmt {
        @Override
        public Flow run(Scope scope, Output out) {
            scope.set(definition.name(), new Macro(definition, scope));
            return Flow.NEXT;
        }
    }

    record CallBlock(Expressions.Call call, Macro.Definition caller) implements Stmt {
        @Override
        public Flow run(Scope scope, Output out) {
            Args args = Args.evaluate(call.arguments(), scope);
            Map<String, Object> named = new LinkedHashMap<>(args.named());
            named.put("caller", new Macro(caller, scope));
            Object result = call.call(scope, new Args(args.positional(), named));
            out.add(Values.text(scope.run(), result));
            return Flow.NEXT;
        }
    }

    record With(List<Target> targets, List<Expr> values, Stmt body) implements Stmt {
        @Override
        public Flow run(Scope scope, Output out) {
            Scope inner = scope.inner();
            for (int i = 0; i < targets.size(); i++) {
                targets.get(i).assign(inner, scope.run().eval(values.get(i), scope));
            }
            return body.run(inner, out);
        }
    }

    /**
     * What the model is to write, for assistant masks.
     *
     * <p>As in transformers, the place is counted from what is already in the output of the
     * template, so that the block belongs outside of macros and {@code set} blocks.
     */
    record Generation(Stmt body) implements Stmt {
        @Override
        public Flow run(Scope scope, Output out) {
            Run run = scope.run();
            Output text = new Output(run);
            body.run(scope.inner(), text);
            int start = run.root().length();
            run.chargePart(Run.ELEMENT);
            run.generated().add(new Rendering.Span(start, start + text.length()));
            out.add(text.toString());
            return Flow.NEXT;
        }
    }
}
