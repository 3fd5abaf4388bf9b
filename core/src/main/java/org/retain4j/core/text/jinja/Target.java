package org.retain4j.core.text.jinja;

import java.util.List;

/** What can be assigned to. */
interface Target {

    void assign(Scope scope, Object value);

    record Variable(String name) implements Target {
        @Override
        public void assign(Scope scope, Object value) {
            scope.set(name, value);
        }
    }

    record Field(String namespace, String name) implements Target {
        @Override
        public void assign(Scope scope, Object value) {
            Object target = scope.get(namespace);
            Values.failIfUndefined(target);
            if (!(target instanceof Namespace found)) {
                throw new Failure("cannot assign attribute on non-namespace object");
            }
            found.attributes().put(scope.run(), name, value);
        }
    }

    record Several(List<Target> targets) implements Target {
        @Override
        public void assign(Scope scope, Object value) {
            List<Object> values = Values.iterate(scope.run(), value);
            if (values.size() != targets.size()) {
                throw new Failure(
                        "expected " + targets.size() + " values to unpack, got " + values.size());
            }
            for (int i = 0; i < targets.size(); i++) {
                targets.get(i).assign(scope, values.get(i));
            }
        }
    }
}
