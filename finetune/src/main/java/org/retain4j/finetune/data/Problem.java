package org.retain4j.finetune.data;

/**
 * A row of data that cannot be used.
 *
 * @param file the file, as it was found
 * @param line the line in which the row starts, from 1
 * @param message what is wrong with it
 */
public record Problem(String file, long line, String message) {

    /** Hears of rows that are skipped. */
    @FunctionalInterface
    public interface Listener {

        /** Takes note of a problem; called in the order of the data. */
        void onProblem(Problem problem);
    }

    /** Returns one line: file, line and message. */
    @Override
    public String toString() {
        return file + ", line " + line + ": " + message;
    }
}
