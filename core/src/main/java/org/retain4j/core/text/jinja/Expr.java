package org.retain4j.core.text.jinja;

/** An expression of a template. */
interface Expr {

    /** Returns the value; called through {@link Run#eval}, which counts depth and steps. */
    Object eval(Scope scope);
}
