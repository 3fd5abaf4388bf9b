package org.retain4j.core.text.jinja;

import java.util.List;
import org.jspecify.annotations.Nullable;

/** The variable {@code loop}; called, it runs its loop on other items if that is recursive. */
final class Loop implements Callable {

    private final Statements.For statement;
    private final Scope scope;
    private final List<Object> items;
    private final int depth;
    private int index;
    private @Nullable List<Object> lastChecked;

    Loop(Statements.For statement, Scope scope, List<Object> items, int depth) {
        this.statement = statement;
        this.scope = scope;
        this.items = items;
        this.depth = depth;
    }

    void index(int value) {
        index = value;
    }

    int length() {
        return items.size();
    }

    @Nullable Object attribute(String name) {
        return switch (name) {
            case "index" -> index + 1L;
            case "index0" -> (long) index;
            case "revindex" -> (long) items.size() - index;
            case "revindex0" -> items.size() - index - 1L;
            case "first" -> index == 0;
            case "last" -> index == items.size() - 1;
            case "length" -> (long) items.size();
            case "depth" -> (long) depth;
            case "depth0" -> depth - 1L;
            case "previtem" ->
                    index == 0 ? new Undefined("there is no previous item") : items.get(index - 1);
            case "nextitem" ->
                    index + 1 == items.size()
                            ? new Undefined("there is no next item")
                            : items.get(index + 1);
            case "cycle" ->
                    new Function(
                            name,
                            (run, args) -> {
                                if (args.positional().isEmpty()) {
                                    throw new Failure("no items for cycling given");
                                }
                                return args.positional().get(index % args.positional().size());
                            });
            case "changed" ->
                    new Function(
                            name,
                            (run, args) -> {
                                List<Object> old = lastChecked;
                                lastChecked = args.positional();
                                return old == null || !Values.equal(run, old, lastChecked);
                            });
            default -> null;
        };
    }

    @Override
    public Object call(Run run, Args args) {
        if (!statement.recursive()) {
            throw new Failure(
                    "The loop must have the 'recursive' marker to be called recursively.");
        }
        Object source = args.bind("loop", 1, "iterable")[0];
        Output out = new Output(run);
        int line = run.line();
        statement.run(scope, out, source == null ? None.NONE : source, depth + 1);
        run.line(line);
        return out.toString();
    }

    @Override
    public String toString() {
        return "<LoopContext " + (index + 1) + "/" + items.size() + ">";
    }
}
