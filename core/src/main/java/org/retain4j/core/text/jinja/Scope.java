package org.retain4j.core.text.jinja;

import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** The variables of a block; those of the blocks around it can be read but not set. */
final class Scope {

    private final Run run;
    private final @Nullable Scope parent;
    private final Map<String, Object> variables = new HashMap<>();

    Scope(Run run, @Nullable Scope parent) {
        this.run = run;
        this.parent = parent;
    }

    Scope inner() {
        return new Scope(run, this);
    }

    Run run() {
        return run;
    }

    void set(String name, Object value) {
        variables.put(name, value);
    }

    Object get(String name) {
        for (Scope scope = this; scope != null; scope = scope.parent) {
            Object value = scope.variables.get(name);
            if (value != null) {
                return value;
            }
        }
        return Undefined.name(name);
    }
}
