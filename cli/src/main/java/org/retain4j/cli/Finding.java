package org.retain4j.cli;

/**
 * One thing that {@code doctor} looked at.
 *
 * @param name what was looked at
 * @param value what was found
 * @param state whether it is fit for use
 * @param advice what to do, empty if nothing
 */
record Finding(String name, String value, State state, String advice) {

    /** Whether something is fit for use. */
    enum State {
        /** Nothing to do. */
        OK,
        /** Works, but could be better. */
        ADVICE,
        /** Cannot be used. */
        UNUSABLE
    }

    static Finding ok(String name, String value) {
        return new Finding(name, value, State.OK, "");
    }

    static Finding advice(String name, String value, String advice) {
        return new Finding(name, value, State.ADVICE, advice);
    }

    static Finding unusable(String name, String value, String advice) {
        return new Finding(name, value, State.UNUSABLE, advice);
    }
}
