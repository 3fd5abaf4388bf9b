package org.retain4j.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

/** Progress without a terminal is one line at a time, with a clock that the test turns. */
class ProgressDisplayTest {

    private final StringWriter out = new StringWriter();
    private final StringWriter err = new StringWriter();
    private final Console console = new Console(new PrintWriter(out), new PrintWriter(err), false);
    private final AtomicLong nanos = new AtomicLong();

    @Test
    void aLineTellsShareWorkElapsedAndRemainingTime() {
        try (ProgressDisplay display = ProgressDisplay.manual(console, nanos::get)) {
            display.line();
            nanos.set(65_000_000_000L);
            display.update(1, 4, "ewc\nseed 2");
            display.line();
            nanos.set(3_725_000_000_000L);
            display.update(4, 4, "done");
            display.line();
        }
        assertThat(err.toString())
                .isEqualTo(
                        """
                          0 %  starting, 0:00 elapsed
                         25 %  ewc seed 2, 1:05 elapsed, about 3:15 left
                        100 %  done, 1:02:05 elapsed, about 0:00 left
                        """);
        assertThat(out.toString()).isEmpty();
    }

    @Test
    void wrongNumbersDoNotBreakALine() {
        try (ProgressDisplay display = ProgressDisplay.manual(console, nanos::get)) {
            display.update(9, 3, "too much");
            display.line();
            display.update(0, 0, "nothing");
            display.line();
        }
        assertThat(err.toString())
                .isEqualTo(
                        """
                        100 %  too much, 0:00 elapsed, about 0:00 left
                          0 %  nothing, 0:00 elapsed
                        """);
    }

    @Test
    void afterClosingNothingIsWritten() {
        ProgressDisplay display = ProgressDisplay.manual(console, nanos::get);
        display.close();
        display.close();
        display.update(1, 2, "late");
        display.line();
        assertThat(err.toString()).isEmpty();
    }

    @Test
    void aTerminalGetsABarThatEndsWithANewLine() {
        Console terminal = new Console(new PrintWriter(out), new PrintWriter(err), true);
        try (ProgressDisplay display = ProgressDisplay.start(terminal)) {
            display.update(3, 4, "ewc seed 2");
        }
        assertThat(err.toString()).contains("3/4").contains("ewc seed 2").endsWith("\n");
        assertThat(out.toString()).isEmpty();
    }
}
