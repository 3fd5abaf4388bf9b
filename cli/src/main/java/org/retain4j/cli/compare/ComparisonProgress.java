package org.retain4j.cli.compare;

/** Hears how far a comparison is; called from several threads, one call at a time. */
public interface ComparisonProgress {

    /**
     * Says how much work is done.
     *
     * @param done units of work done so far
     * @param total all units of work; may be corrected while running
     * @param what what is being done now, for example {@code "ewc seed 2"}
     */
    void update(long done, long total, String what);

    /** Progress that nobody wants to hear of. */
    static ComparisonProgress silent() {
        return (done, total, what) -> {};
    }
}
