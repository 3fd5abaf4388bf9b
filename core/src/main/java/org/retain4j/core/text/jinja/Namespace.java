package org.retain4j.core.text.jinja;

/**
 * The only value that a template may change, made by {@code namespace()}.
 *
 * @param attributes its contents
 */
record Namespace(Dict attributes) {

    @Override
    public boolean equals(Object other) {
        return this == other;
    }

    @Override
    public int hashCode() {
        return System.identityHashCode(this);
    }
}
