package org.retain4j.core.text.jinja;

/** A value that can be called. */
interface Callable {

    Object call(Run run, Args args);

    /**
     * A function of ours, or a method with its object inside.
     *
     * @param name as error messages and texts show it
     * @param body what it does
     */
    record Function(String name, Callable body) implements Callable {
        @Override
        public Object call(Run run, Args args) {
            return body.call(run, args);
        }
    }
}
