package org.retain4j.cli;

import org.jspecify.annotations.Nullable;
import org.retain4j.cli.train.FineTuning;

/** A progress bar that appears with the first progress, and makes way for notes. */
final class LazyProgress implements FineTuning.Display, AutoCloseable {

    private final Console console;
    private @Nullable ProgressDisplay bar;

    LazyProgress(Console console) {
        this.console = console;
    }

    @Override
    public synchronized void update(long done, long total, String what) {
        if (bar == null) {
            bar = ProgressDisplay.start(console);
        }
        bar.update(done, total, what);
    }

    @Override
    public void note(String line) {
        close();
        console.note(line);
    }

    @Override
    public synchronized void close() {
        if (bar != null) {
            bar.close();
            bar = null;
        }
    }
}
