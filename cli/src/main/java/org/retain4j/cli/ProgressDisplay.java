package org.retain4j.cli;

import java.time.Duration;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;
import me.tongfei.progressbar.DelegatingProgressBarConsumer;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;
import org.jspecify.annotations.Nullable;
import org.retain4j.cli.compare.ComparisonProgress;

/**
 * Shows how far a run is: a bar on a terminal, elsewhere a line every few seconds.
 *
 * <p>Safe for all threads.
 */
final class ProgressDisplay implements ComparisonProgress, AutoCloseable {

    private static final long SECONDS_BETWEEN_LINES = 5;
    private static final int DEFAULT_WIDTH = 80;

    private final Console console;
    private final LongSupplier nanos;
    private final long started;
    private final @Nullable ProgressBar bar;
    private final @Nullable ScheduledExecutorService ticker;
    private long done;
    private long total;
    private String what = "starting";
    private boolean closed;

    private ProgressDisplay(Console console, LongSupplier nanos, boolean live) {
        this.console = console;
        this.nanos = nanos;
        this.started = nanos.getAsLong();
        this.bar = live && console.progressOnTerminal() ? bar(console) : null;
        this.ticker = live && bar == null ? ticker() : null;
        if (ticker != null) {
            ScheduledFuture<?> unused =
                    ticker.scheduleAtFixedRate(
                            this::line,
                            SECONDS_BETWEEN_LINES,
                            SECONDS_BETWEEN_LINES,
                            TimeUnit.SECONDS);
        }
    }

    /** Starts showing progress. */
    static ProgressDisplay start(Console console) {
        return new ProgressDisplay(console, System::nanoTime, true);
    }

    /** Returns a display that writes a line only when {@link #line()} is called. */
    static ProgressDisplay manual(Console console, LongSupplier nanos) {
        return new ProgressDisplay(console, nanos, false);
    }

    private static ProgressBar bar(Console console) {
        int width = Integer.getInteger("retain4j.terminal.width", DEFAULT_WIDTH);
        return new ProgressBarBuilder()
                .setInitialMax(-1)
                .setStyle(ProgressBarStyle.ASCII)
                .setUpdateIntervalMillis(500)
                .setConsumer(
                        new DelegatingProgressBarConsumer(
                                text -> console.redraw("\r" + text), Math.max(20, width - 1)))
                .build();
    }

    private static ScheduledExecutorService ticker() {
        return Executors.newSingleThreadScheduledExecutor(
                task -> {
                    Thread thread = new Thread(task, "progress");
                    thread.setDaemon(true);
                    return thread;
                });
    }

    @Override
    public synchronized void update(long done, long total, String what) {
        this.done = Math.max(0, Math.min(done, total));
        this.total = total;
        this.what = Console.oneLine(what);
        if (bar != null && !closed) {
            bar.maxHint(total);
            bar.stepTo(this.done);
            bar.setExtraMessage(this.what);
        }
    }

    /** Writes one line: percent, what is being done, elapsed and remaining time. */
    synchronized void line() {
        if (closed) {
            return;
        }
        long elapsed = nanos.getAsLong() - started;
        String left = "";
        if (done > 0) {
            left = ", about " + time((long) ((double) elapsed / done * (total - done))) + " left";
        }
        long percent = total > 0 ? done * 100 / total : 0;
        console.note("%3d %%  %s, %s elapsed%s".formatted(percent, what, time(elapsed), left));
    }

    /** Writes a duration as minutes and seconds, with hours from one hour on. */
    static String time(long nanos) {
        Duration time = Duration.ofNanos(Math.max(0, nanos)).plusMillis(500);
        return time.toHours() == 0
                ? "%d:%02d".formatted(time.toMinutes(), time.toSecondsPart())
                : "%d:%02d:%02d"
                        .formatted(time.toHours(), time.toMinutesPart(), time.toSecondsPart());
    }

    /** Stops showing progress and leaves the cursor on a new line. */
    @Override
    public void close() {
        synchronized (this) {
            if (closed) {
                return;
            }
            closed = true;
        }
        if (ticker != null) {
            ticker.shutdownNow();
        }
        if (bar != null) {
            bar.close();
            console.note("");
        }
    }
}
