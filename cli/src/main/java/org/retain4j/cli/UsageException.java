package org.retain4j.cli;

/** A mistake in what the user asked for, found before any work was done. */
final class UsageException extends RuntimeException {
    private static final long serialVersionUID = 1;

    UsageException(String message) {
        super(message);
    }
}
