package org.retain4j.cli;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.retain4j.cli.score.ScoreJob;
import org.retain4j.cli.usage.UsageException;
import org.retain4j.core.io.AtomicFile;
import org.retain4j.core.model.CausalLm;
import org.retain4j.evaluation.scoring.TokenScorer;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Computes log-probabilities of given texts or tokens. */
@Command(
        name = "score",
        description = {
            "Computes the log-probability of every token of given texts under a model.",
            "Reads and writes one JSON object a line, in the same order; rows of like length run"
                    + " together, and the file may be larger than memory.",
            ""
        },
        optionListHeading = "Options:%n",
        sortOptions = false,
        exitCodeListHeading = "%nExit codes:%n",
        exitCodeList = {
            "0:done, also if lines were skipped with --skip-errors",
            "1:failed",
            "2:wrong usage, nothing was started"
        },
        footer = {
            "",
            "An input line has one of these (an \"id\" beside it is copied to the output line):",
            "  text          All tokens count but the first, which follows nothing; the"
                    + " special tokens of the",
            "                tokenizer are added. bytes: UTF-8 bytes of the text.",
            "  context, continuation",
            "                As in lm-evaluation-harness: white space at the end of the"
                    + " context moves to the",
            "                continuation; both are encoded once and cut at the length of"
                    + " the encoded context;",
            "                an empty context is the start token, or else the end token."
                    + " Only the",
            "                continuation counts. bytes: UTF-8 bytes of the continuation.",
            "  ids           Nothing is added. The first \"context_length\" ids (default"
                    + " 0) and the very first",
            "                do not count. bytes: UTF-8 bytes that the others add to the"
                    + " decoded text.",
            "  messages      In the model's chat template (also \"tools\", \"documents\"),"
                    + " no special tokens",
            "                added; then as text.",
            "",
            "An output line is {\"ids\":[…],\"logprobs\":[…],\"sum\":…,\"greedy\":…,\"bytes\":…}:"
                    + " all ids;",
            "logprobs[i] = ln p(ids[i+1] | ids[0..i]); the sum of those that count;"
                    + " whether each token that",
            "counts is the most probable one. A row where none counts has sum 0 and greedy"
                    + " true. A row that",
            "was cut also has \"cut\", how many tokens are gone.",
            "",
            "Examples:",
            "  echo '{\"text\": \"Once upon a time\"}' | retain4j score --model"
                    + " embedded:stories260K --input -",
            "  retain4j score --model SmolLM2-135M --input requests.jsonl --output scores.jsonl"
        })
final class ScoreCommand implements Callable<Integer> {

    private static final String STANDARD_INPUT = "-";

    private final Console console;
    private final InputStream standardInput;

    @Mixin private ModelOptions model = new ModelOptions();

    @Option(
            names = {"-i", "--input"},
            paramLabel = "FILE.jsonl",
            required = true,
            description = "Lines to score, UTF-8, each at most 16 MiB; - for standard input.")
    private String input = "";

    @Option(
            names = {"-o", "--output"},
            paramLabel = "FILE.jsonl",
            description =
                    "File for the scores, which appears when all are computed. Default: standard"
                            + " output.")
    private @Nullable String output;

    @Option(
            names = "--batch-tokens",
            paramLabel = "N",
            defaultValue = "" + TokenScorer.DEFAULT_BATCH_TOKENS,
            description =
                    "Tokens of a batch: rows times the longest; a longer row runs alone. Default:"
                            + " ${DEFAULT-VALUE}")
    private int batchTokens;

    @Option(
            names = "--batch-size",
            paramLabel = "N",
            defaultValue = "" + TokenScorer.DEFAULT_BATCH_ROWS,
            description = "Rows of a batch at most. Default: ${DEFAULT-VALUE}")
    private int batchSize;

    @Option(
            names = "--truncate",
            paramLabel = "left",
            description =
                    "Cut rows that are longer than the model's positions at their left, where the"
                            + " context is. Default: such a row is an error.")
    private @Nullable String truncate;

    @Option(
            names = "--no-special-tokens",
            description = "Do not add the tokenizer's special tokens to texts.")
    private boolean noSpecialTokens;

    @Option(
            names = "--skip-errors",
            description =
                    "Go on after a bad line, with {\"error\": …} in its place. Default: stop at the"
                            + " first.")
    private boolean skipErrors;

    ScoreCommand(Console console) {
        this(console, System.in);
    }

    /** Creates the command with another standard input. */
    ScoreCommand(Console console, InputStream standardInput) {
        this.console = console;
        this.standardInput = standardInput;
    }

    @Override
    public Integer call() throws IOException {
        requirePositive("--batch-tokens", batchTokens);
        requirePositive("--batch-size", batchSize);
        if (truncate != null && !truncate.equals("left")) {
            throw new UsageException("--truncate must be left, is \"" + truncate + "\"");
        }
        Path from = input.equals(STANDARD_INPUT) ? null : Inputs.path("--input", input);
        Path to = output == null ? null : Inputs.path("--output", output);
        requireReadable(from, to);
        try (InputStream lines = from == null ? standardInput : Files.newInputStream(from);
                AtomicFile file = to == null ? null : AtomicFile.create(to);
                CausalLm loaded = model.load(console)) {
            long started = System.nanoTime();
            ScoreJob.Summary summary = run(loaded, lines, from, file);
            report(summary, (System.nanoTime() - started) / 1e9);
        }
        return ExitCode.OK;
    }

    private static void requirePositive(String option, int value) {
        if (value < 1) {
            throw new UsageException(option + " must be at least 1, is " + value);
        }
    }

    private static void requireReadable(@Nullable Path from, @Nullable Path to) throws IOException {
        if (from == null) {
            return;
        }
        String problem = "";
        if (!Files.exists(from)) {
            problem = " does not exist";
        } else if (Files.isDirectory(from)) {
            problem = " is a folder";
        } else if (!Files.isReadable(from)) {
            problem = " may not be read";
        } else if (to != null && Files.exists(to) && Files.isSameFile(from, to)) {
            throw new UsageException(
                    "--output and --input are the same file " + from + ", give another output");
        }
        if (!problem.isEmpty()) {
            throw new UsageException(
                    "--input: " + from + problem + ", give a file with one JSON object a line");
        }
    }

    private ScoreJob.Summary run(
            CausalLm loaded, InputStream lines, @Nullable Path from, @Nullable AtomicFile file)
            throws IOException {
        TokenScorer scorer =
                TokenScorer.of(loaded).withBatchTokens(batchTokens).withBatchRows(batchSize);
        ScoreJob job =
                new ScoreJob(
                        loaded,
                        scorer,
                        new ScoreJob.Options(!noSpecialTokens, truncate != null, skipErrors));
        String origin = from == null ? "standard input" : from.toString();
        long size = from == null ? 0 : Files.size(from);
        ProgressDisplay progress = ProgressDisplay.start(console);
        Thread interrupted = new Thread(() -> discard(progress, file));
        Runtime.getRuntime().addShutdownHook(interrupted);
        try (progress) {
            ScoreJob.Progress told =
                    (rows, bytes) -> progress.update(bytes, size, rows + " rows scored");
            if (file == null) {
                return job.run(lines, origin, this::print, told);
            }
            OutputStream out = file.stream();
            ScoreJob.Summary summary =
                    job.run(
                            lines,
                            origin,
                            line -> out.write(line.getBytes(StandardCharsets.UTF_8)),
                            told);
            out.flush();
            file.commit();
            return summary;
        } finally {
            removeHook(interrupted);
        }
    }

    private void print(String line) throws IOException {
        console.result(line);
        if (console.out().checkError()) {
            throw new IOException("standard output is closed; nothing more is scored");
        }
    }

    /** Leaves no unfinished file behind when the process is told to end. */
    private void discard(ProgressDisplay progress, @Nullable AtomicFile file) {
        progress.close();
        try {
            if (file != null) {
                file.close();
            }
        } catch (IOException e) {
            console.error("retain4j score", Failures.message(e), e);
        }
    }

    private static void removeHook(Thread hook) {
        try {
            Runtime.getRuntime().removeShutdownHook(hook);
        } catch (IllegalStateException e) {
            // the process is ending, and the hook is running
            return;
        }
    }

    private void report(ScoreJob.Summary summary, double seconds) {
        String text =
                String.format(
                        Locale.ROOT,
                        "scored %,d rows, %,d tokens in %.1f s (%,.0f tokens/s)",
                        summary.rows(),
                        summary.tokens(),
                        seconds,
                        summary.tokens() / Math.max(seconds, 1e-9));
        if (summary.counted() > 0) {
            text +=
                    String.format(
                            Locale.ROOT,
                            ", perplexity %.4f per token over %,d that count",
                            summary.perplexity(),
                            summary.counted());
        }
        console.note(text);
        if (summary.cutRows() > 0) {
            console.note(
                    String.format(
                            Locale.ROOT,
                            "cut %,d tokens off the left of %,d rows",
                            summary.cutTokens(),
                            summary.cutRows()));
        }
        if (summary.skipped() > 0) {
            console.note(
                    String.format(
                            Locale.ROOT,
                            "skipped %,d bad lines, the first: %s",
                            summary.skipped(),
                            Console.oneLine(String.valueOf(summary.firstError()))));
        }
    }
}
