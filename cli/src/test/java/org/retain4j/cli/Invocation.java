package org.retain4j.cli;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.retain4j.evaluation.report.ComparisonResult;
import org.retain4j.evaluation.report.MethodResult;
import org.retain4j.evaluation.statistics.Estimate;

/** What one run of the command in this process left behind. */
record Invocation(int exit, String out, String err) {

    /** Runs the command with a comparison that must not start. */
    static Invocation of(String... args) {
        return of(
                (options, progress) -> {
                    throw new AssertionError("must not start with " + options);
                },
                Path.of("runs"),
                args);
    }

    static Invocation of(CompareCommand.Runner runner, Path parent, String... args) {
        StringWriter out = new StringWriter();
        StringWriter err = new StringWriter();
        Console console = new Console(new PrintWriter(out), new PrintWriter(err), false);
        int exit = Main.run(console, new CompareCommand(console, runner, parent), args);
        return new Invocation(exit, out.toString(), err.toString());
    }

    /** A result with one method, which draws and renders. */
    static ComparisonResult result(String model) {
        Estimate two = new Estimate(2, 1.9, 2.1);
        Estimate three = new Estimate(3, 2.9, 3.1);
        MethodResult plain =
                new MethodResult(
                        MethodResult.PLAIN,
                        "Plain fine-tuning",
                        "",
                        Map.of(),
                        0.001,
                        List.of(),
                        two,
                        three,
                        null,
                        null,
                        List.of(),
                        1000,
                        0,
                        0,
                        4_000_000,
                        1.5,
                        List.of());
        return new ComparisonResult(
                "1.2.3",
                "2026-01-02T03:04:05Z",
                model,
                "new text",
                "old text",
                three,
                two,
                List.of(),
                List.of(plain),
                Map.of("batch", 8),
                Map.of("threads", 2),
                4.5);
    }
}
