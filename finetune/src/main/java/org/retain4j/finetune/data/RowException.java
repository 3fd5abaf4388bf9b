package org.retain4j.finetune.data;

/** A row that cannot be used; its reader adds file and line. */
final class RowException extends Exception {

    private static final long serialVersionUID = 1L;

    private final String problem;

    RowException(String problem) {
        super(problem);
        this.problem = problem;
    }

    /** Returns what is wrong, in one sentence. */
    String problem() {
        return problem;
    }
}
