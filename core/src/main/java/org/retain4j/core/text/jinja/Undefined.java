package org.retain4j.core.text.jinja;

/**
 * What a name or attribute that does not exist gives: empty as text, false, and an error when
 * anything is asked of it.
 *
 * @param message what was missing
 */
record Undefined(String message) {

    static Undefined name(String name) {
        return new Undefined("'" + name + "' is undefined");
    }

    /** Makes the result of looking up something that the target does not have. */
    static Undefined member(Run run, Object target, Object key) {
        String owner = target == None.NONE ? "None" : Values.typeName(target) + " object";
        return new Undefined(
                key instanceof String name
                        ? "'" + owner + "' has no attribute " + Repr.quote(shorten(name))
                        : owner + " has no element " + shorten(Repr.of(run, key)));
    }

    static Undefined unsafe(Object target, String name) {
        return new Undefined(
                "access to attribute '"
                        + shorten(name)
                        + "' of '"
                        + Values.typeName(target)
                        + "' object is not allowed in a template");
    }

    Failure failure() {
        return new Failure(message);
    }

    private static String shorten(String text) {
        return text.length() > 60 ? text.substring(0, 60) + "…" : text;
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof Undefined;
    }

    @Override
    public int hashCode() {
        return 0;
    }
}
