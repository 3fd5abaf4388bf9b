package org.retain4j.cli.usage;

/** A mistake in what the user asked for, found before any work was done. */
public final class UsageException extends RuntimeException {
    private static final long serialVersionUID = 1;

    /** Creates one with a whole sentence that says what to do. */
    public UsageException(String message) {
        super(message);
    }
}
