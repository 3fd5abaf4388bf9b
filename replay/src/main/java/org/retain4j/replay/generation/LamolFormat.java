package org.retain4j.replay.generation;

import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.retain4j.core.text.Tokenizer;

/**
 * How LAMOL writes an example (arXiv:1909.03329, figure 2): start token, context, question, answer
 * token, answer, end token. Immutable.
 *
 * @param starts the start token of each task; a single one is shared by all tasks
 * @param answer the token before an answer
 * @param end the token that ends an example
 * @param first the token before every text, for tokenizers that have one; -1 for none
 */
public record LamolFormat(List<Integer> starts, int answer, int end, int first) {

    /** Text of the token before an answer. */
    public static final String ANSWER = "__ans__";

    /** Text of the start token that all tasks share. */
    public static final String START = "__gen__";

    /** Copies the list. */
    public LamolFormat {
        starts = List.copyOf(starts);
        if (starts.isEmpty() || answer == end || starts.contains(answer)) {
            throw new IllegalArgumentException(
                    "lamol needs a start token, and others for answers and ends");
        }
    }

    /** Returns the start token's text of a task. */
    public static String start(String task) {
        return "__" + task + "__";
    }

    /**
     * Finds the tokens in a tokenizer.
     *
     * @param tasks names of the tasks that have start tokens of their own; null for the shared one
     * @throws IllegalArgumentException if one is missing
     */
    public static LamolFormat of(Tokenizer tokenizer, @Nullable List<String> tasks) {
        List<String> starts =
                tasks == null ? List.of(START) : tasks.stream().map(LamolFormat::start).toList();
        return new LamolFormat(
                starts.stream().map(text -> id(tokenizer, text)).toList(),
                id(tokenizer, ANSWER),
                tokenizer
                        .eosId()
                        .orElseThrow(
                                () ->
                                        new IllegalArgumentException(
                                                "lamol needs a tokenizer with an end token")),
                tokenizer.bosId().isPresent()
                                && Arrays.equals(
                                        tokenizer.encode(""),
                                        new int[] {tokenizer.bosId().getAsInt()})
                        ? tokenizer.bosId().getAsInt()
                        : -1);
    }

    private static int id(Tokenizer tokenizer, String token) {
        return tokenizer
                .tokenToId(token)
                .orElseThrow(
                        () ->
                                new IllegalArgumentException(
                                        "the tokenizer has no token " + token + " for lamol"));
    }

    /** Returns what the model is given to write an example of a task. */
    int[] start(int task) {
        int token = starts.get(starts.size() == 1 ? 0 : task);
        return first < 0 ? new int[] {token} : new int[] {first, token};
    }

    /**
     * Returns the tokens of an example as a text, from the start token to the end token.
     *
     * <p>Where they are too many, the context is cut from its end; question and answer stay.
     *
     * @param task number of the task
     * @param maxLength most tokens, those of the frame included
     * @throws IllegalArgumentException if the example does not fit without any context
     */
    public int[] encode(int task, int[] context, int[] question, int[] answers, int maxLength) {
        int[] start = start(task);
        int frame = start.length + question.length + 1 + answers.length + 1;
        if (frame > maxLength) {
            throw new IllegalArgumentException(
                    "an example of "
                            + frame
                            + " tokens without its context does not fit into "
                            + maxLength);
        }
        int[] kept = Arrays.copyOf(context, Math.min(context.length, maxLength - frame));
        return join(start, kept, question, new int[] {answer}, answers, new int[] {end});
    }

    /** Returns a written example in the same form. */
    public int[] encode(Lamol.Sample sample) {
        return join(start(sample.task()), sample.ids(), new int[] {end});
    }

    private static int[] join(int[]... parts) {
        return Arrays.stream(parts).flatMapToInt(Arrays::stream).toArray();
    }

    /** Returns whether a written text has one answer token, and something before and after it. */
    boolean isWellFormed(int[] ids) {
        long answers = IntStream.of(ids).filter(id -> id == answer).count();
        boolean framed = ids.length > 2 && ids[0] != answer && ids[ids.length - 1] != answer;
        return answers == 1
                && framed
                && IntStream.of(ids).noneMatch(id -> starts.contains(id) || id == end);
    }
}
