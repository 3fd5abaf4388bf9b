package org.retain4j.core.text.jinja;

/** Python's {@code None}, so that Java's null never is a value. */
enum None {
    NONE
}
