package org.retain4j.core.text.jinja;

/**
 * Ends the parsing or rendering of a template; becomes a {@link TemplateException} at its border.
 */
final class Failure extends RuntimeException {

    private static final long serialVersionUID = 1L;

    private final String text;
    private final int line;
    private final boolean raised;

    private Failure(String text, int line, boolean raised) {
        super(text, null, false, false);
        this.text = text;
        this.line = line;
        this.raised = raised;
    }

    Failure(String text) {
        this(text, 0, false);
    }

    Failure(String text, int line) {
        this(text, line, false);
    }

    /** Makes the failure that the template asks for itself. */
    static Failure raised(String text) {
        return new Failure(text, 0, true);
    }

    String text() {
        return text;
    }

    /** Returns the line, or 0 when only the caller knows it. */
    int line() {
        return line;
    }

    boolean raised() {
        return raised;
    }
}
