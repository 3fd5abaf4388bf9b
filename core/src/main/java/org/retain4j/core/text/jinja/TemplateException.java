package org.retain4j.core.text.jinja;

import java.io.IOException;
import org.jspecify.annotations.Nullable;

/**
 * A template that cannot be read or rendered.
 *
 * <p>The message names the template, the line and what is wrong; when the template itself refused
 * its input with {@code raise_exception}, it is the template's own text and nothing else.
 */
public final class TemplateException extends IOException {

    private static final long serialVersionUID = 1L;

    private final int line;
    private final boolean raisedByTemplate;

    private TemplateException(
            String message, int line, boolean raisedByTemplate, @Nullable Throwable cause) {
        super(message, cause);
        this.line = line;
        this.raisedByTemplate = raisedByTemplate;
    }

    /** Makes an error that belongs to no line of a template. */
    public TemplateException(String message) {
        this(message, 0, false, null);
    }

    /** Makes an error as above that was found out through another one. */
    public TemplateException(String message, @Nullable Throwable cause) {
        this(message, 0, false, cause);
    }

    static TemplateException at(String origin, int line, Failure failure) {
        if (failure.raised()) {
            return new TemplateException(failure.text(), line, true, failure);
        }
        String place = line > 0 ? origin + ", line " + line : origin;
        return new TemplateException(place + ": " + failure.text(), line, false, failure);
    }

    /** Returns the line of the template, from 1, or 0 when the error belongs to none. */
    public int line() {
        return line;
    }

    /** Returns whether the template refused its input with {@code raise_exception}. */
    public boolean raisedByTemplate() {
        return raisedByTemplate;
    }
}
