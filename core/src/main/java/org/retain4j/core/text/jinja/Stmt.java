package org.retain4j.core.text.jinja;

/** A statement of a template. */
interface Stmt {

    /** How the statements around it go on. */
    enum Flow {
        NEXT,
        BREAK,
        CONTINUE
    }

    Flow run(Scope scope, Output out);
}
