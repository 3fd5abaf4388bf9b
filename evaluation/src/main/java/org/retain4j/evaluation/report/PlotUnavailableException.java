package org.retain4j.evaluation.report;

/** Says in one sentence why a plot could not be drawn on this Java runtime, and what to do. */
public final class PlotUnavailableException extends Exception {
    private static final long serialVersionUID = 1;

    PlotUnavailableException(String message, Throwable cause) {
        super(message, cause);
    }
}
