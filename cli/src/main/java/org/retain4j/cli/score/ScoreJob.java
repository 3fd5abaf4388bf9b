package org.retain4j.cli.score;

import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.io.InputStream;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Iterator;
import java.util.NoSuchElementException;
import org.jspecify.annotations.Nullable;
import org.retain4j.core.model.CausalLm;
import org.retain4j.evaluation.scoring.RowScore;
import org.retain4j.evaluation.scoring.ScoreRequest;
import org.retain4j.evaluation.scoring.TokenScorer;

/**
 * Scores the lines of a JSON Lines file under a model.
 *
 * <p>A line is an object with one of these; other keys are left alone, except {@code id} (a string
 * or number), which is copied to the output:
 *
 * <ul>
 *   <li>{@code text}: encoded with the special tokens that the tokenizer adds. All tokens count but
 *       the first, which follows nothing. {@code bytes} are the UTF-8 bytes of the text.
 *   <li>{@code context} and {@code continuation}: encoded as {@link
 *       org.retain4j.evaluation.scoring.PromptPair} says. Only the continuation counts, and its
 *       UTF-8 bytes, including white space that moved to it.
 *   <li>{@code ids}, optionally {@code context_length}: nothing is added. The ids after the context
 *       count, without the first of the row; {@code bytes} is by how many UTF-8 bytes the decoded
 *       text grows with them.
 *   <li>{@code messages}, optionally {@code tools} and {@code documents}: written by the model's
 *       chat template and encoded without adding special tokens; then as {@code text}.
 * </ul>
 *
 * <p>An output line has {@code ids} (all that were scored), {@code logprobs} (natural log, entry i
 * is that of id i + 1 given those before it), {@code sum} (over the tokens that count), {@code
 * greedy} (whether each of them is the most probable one) and {@code bytes}; {@code cut} is there
 * only if tokens were cut off on the left: {@code bytes} of a text are then those that its decoded
 * tokens have left. A line that is skipped gets {@code error} instead.
 *
 * <p>Not safe for use by several threads.
 */
public final class ScoreJob {

    /**
     * How lines are read and run.
     *
     * @param specialTokens whether to add the special tokens that the tokenizer adds
     * @param truncateLeft whether to cut rows that are too long on the left, instead of refusing
     * @param skipErrors whether to go on after a bad line
     */
    public record Options(boolean specialTokens, boolean truncateLeft, boolean skipErrors) {}

    /** Where the lines of the output go. */
    @FunctionalInterface
    public interface Output {
        /** Takes one line, with its line feed. */
        void line(String text) throws IOException;
    }

    /** Told after each line how far the work is. */
    @FunctionalInterface
    public interface Progress {
        /**
         * Takes the state.
         *
         * @param rows lines written so far
         * @param bytes bytes of the input that they came from
         */
        void update(long rows, long bytes);
    }

    /**
     * What was done.
     *
     * @param rows lines that were scored
     * @param tokens their tokens
     * @param counted their tokens that count
     * @param sum sum of the log-probabilities of the tokens that count
     * @param cutRows lines that were cut on the left
     * @param cutTokens tokens that were cut off
     * @param skipped lines that were skipped as bad
     * @param firstError what is wrong with the first of these, null if there is none
     */
    public record Summary(
            long rows,
            long tokens,
            long counted,
            double sum,
            long cutRows,
            long cutTokens,
            long skipped,
            @Nullable String firstError) {

        /** Returns exp of the mean negative log-probability of a token; NaN if none counts. */
        public double perplexity() {
            return Math.exp(-sum / counted);
        }
    }

    private static final JsonMapper JSON = new JsonMapper();

    private final TokenScorer scorer;
    private final LineParser parser;
    private final Options options;

    private long rows;
    private long tokens;
    private long counted;
    private double sum;
    private long cutRows;
    private long cutTokens;
    private long skipped;
    private @Nullable String firstError;

    /** Creates a job, to be run once; it closes neither model nor scorer. */
    public ScoreJob(CausalLm model, TokenScorer scorer, Options options) {
        this.scorer = scorer;
        this.parser = new LineParser(model, options);
        this.options = options;
    }

    /**
     * Reads, scores and writes all lines.
     *
     * @param origin names the input in messages
     * @throws IOException if a line is bad and is not to be skipped, or reading or writing fails
     */
    public Summary run(InputStream in, String origin, Output output, Progress progress)
            throws IOException {
        JsonLines lines = new JsonLines(in);
        Deque<Pending> pending = new ArrayDeque<>();
        try {
            Iterator<RowScore> scores = scorer.score(new Requests(lines, origin, pending));
            while (scores.hasNext()) {
                RowScore score = scores.next();
                Pending read = pending.remove();
                output.line(written(origin, read.line(), score));
                progress.update(rows + skipped, read.bytes());
            }
        } catch (UncheckedIOException e) {
            throw e.getCause();
        }
        return new Summary(rows, tokens, counted, sum, cutRows, cutTokens, skipped, firstError);
    }

    /** A line that waits for its scores, and how far the input was read with it. */
    private record Pending(ScoreLine line, long bytes) {}

    /** Reads a line for each request and remembers it until its scores come. */
    private final class Requests implements Iterator<ScoreRequest> {

        private final JsonLines lines;
        private final String origin;
        private final Deque<Pending> pending;
        private JsonLines.@Nullable Line next;

        Requests(JsonLines lines, String origin, Deque<Pending> pending) {
            this.lines = lines;
            this.origin = origin;
            this.pending = pending;
        }

        @Override
        public boolean hasNext() {
            if (next == null) {
                try {
                    next = lines.read();
                } catch (IOException e) {
                    throw new UncheckedIOException(e);
                }
            }
            return next != null;
        }

        @Override
        public ScoreRequest next() {
            if (!hasNext() || next == null) {
                throw new NoSuchElementException("all lines are read");
            }
            JsonLines.Line read = next;
            next = null;
            ScoreLine line;
            try {
                line = parser.parse(read);
            } catch (BadLineException e) {
                String problem = problem(origin, read.number(), String.valueOf(e.getMessage()));
                if (!options.skipErrors()) {
                    throw new UncheckedIOException(new IOException(problem, e));
                }
                line = ScoreLine.skipped(read.number(), e.id(), problem);
            }
            pending.add(new Pending(line, lines.bytes()));
            return line.request();
        }
    }

    private static String problem(String origin, long line, String what) {
        return origin + ", line " + line + ", " + what;
    }

    private String written(String origin, ScoreLine line, RowScore score) throws IOException {
        String error = line.problem() == null ? notFinite(origin, line, score) : line.problem();
        StringWriter text = new StringWriter();
        try (JsonGenerator json = JSON.createGenerator(text)) {
            json.writeStartObject();
            if (line.id() != null) {
                json.writeFieldName("id");
                json.writeTree(line.id());
            }
            if (error != null) {
                skip(error);
                json.writeStringField("error", error);
            } else {
                count(line, score);
                write(json, line, score);
            }
            json.writeEndObject();
        }
        return text.append('\n').toString();
    }

    private @Nullable String notFinite(String origin, ScoreLine line, RowScore score)
            throws IOException {
        for (int i = 0; i < score.logProbs().length; i++) {
            if (!Double.isFinite(score.logProbs()[i])) {
                String problem =
                        problem(
                                origin,
                                line.number(),
                                "token "
                                        + (i + 1)
                                        + ": the model gives the log-probability "
                                        + score.logProbs()[i]
                                        + ", expected a finite number; are its weights damaged, or"
                                        + " is the precision too low?");
                if (!options.skipErrors()) {
                    throw new IOException(problem);
                }
                return problem;
            }
        }
        return null;
    }

    private void skip(String error) {
        skipped++;
        if (firstError == null) {
            firstError = error;
        }
    }

    private void count(ScoreLine line, RowScore score) {
        rows++;
        tokens += line.request().ids().length;
        counted += score.counted();
        sum += score.sum();
        cutRows += line.cut() > 0 ? 1 : 0;
        cutTokens += line.cut();
    }

    private static void write(JsonGenerator json, ScoreLine line, RowScore score)
            throws IOException {
        int[] ids = line.request().ids();
        json.writeFieldName("ids");
        json.writeArray(ids, 0, ids.length);
        json.writeArrayFieldStart("logprobs");
        for (double value : score.logProbs()) {
            // the model computes in float32, whose digits are fewer
            json.writeNumber((float) value);
        }
        json.writeEndArray();
        json.writeNumberField("sum", score.sum());
        json.writeBooleanField("greedy", score.greedy());
        json.writeNumberField("bytes", line.bytes());
        if (line.cut() > 0) {
            json.writeNumberField("cut", line.cut());
        }
    }
}
