package org.retain4j.cli.train;

/**
 * How many tokens the methods of a run send through the model beside those that are trained on, at
 * most: rows count as full.
 */
final class ExtraTokens {

    private ExtraTokens() {}

    /**
     * Counts.
     *
     * @param steps steps of the run
     * @param trained tokens that were trained on, new and old
     */
    static long of(RunConfig config, long steps, long trained) {
        RegularizationSection wanted = config.regularization;
        long tokens = 0;
        if (wanted.klToBase != null) {
            tokens += trained;
        }
        if (wanted.sam != null) {
            tokens += trained;
        }
        if (wanted.ewc != null && wanted.ewc.importanceFile == null) {
            tokens += (long) wanted.ewc.sequences * config.maxLength;
        }
        if (wanted.agem != null) {
            tokens += steps * wanted.agem.rows * config.maxLength;
        }
        if (wanted.gpm != null) {
            tokens += (long) wanted.gpm.rows * config.maxLength;
        }
        ReplaySection replay = config.replay;
        if (replay != null && replay.selfGenerated != null) {
            tokens += (long) replay.selfGenerated.samples * replay.selfGenerated.length;
        }
        if (replay != null && replay.dark != null) {
            tokens += (long) replay.dark.examples * config.maxLength;
        }
        return tokens;
    }
}
