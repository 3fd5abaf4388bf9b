package org.retain4j.evaluation.scoring;

import java.util.OptionalInt;
import org.retain4j.core.text.Tokenizer;

/**
 * A context and the text whose probability after it is wanted, turned into tokens as
 * lm-evaluation-harness does ({@code TemplateLM.loglikelihood}; for contexts that are not empty
 * checked against version 0.4.13).
 *
 * <p>White space at the end of the context belongs to the continuation, because tokenizers join it
 * with the word that follows. Both together are encoded once; as many ids as the context alone has
 * are context, the rest is the continuation. An empty context, also one of white space alone, is
 * replaced by the start token, or by the end token where there is none. A continuation after it is
 * encoded without added special tokens, and if it spells this token out it does not get it twice;
 * there are versions of the harness that add them, and so predict a second start token. Immutable,
 * safe for all threads.
 *
 * @param context text that is read, without white space at its end
 * @param continuation text that counts
 */
public record PromptPair(String context, String continuation) {

    /** Moves white space at the end of the context to the continuation. */
    public PromptPair {
        int end = context.length();
        while (end > 0 && isPythonSpace(context.charAt(end - 1))) {
            end--;
        }
        continuation = context.substring(end) + continuation;
        context = context.substring(0, end);
    }

    /** What {@code str.rstrip} of Python strips; all such characters are single UTF-16 units. */
    private static boolean isPythonSpace(char c) {
        return Character.isWhitespace(c) || Character.isSpaceChar(c) || c == '\u0085';
    }

    /**
     * Returns the ids of both, with those of the context as context.
     *
     * @param addSpecialTokens whether to add the special tokens that the tokenizer adds; the token
     *     that stands for an empty context is there in either case
     * @throws IllegalArgumentException if the continuation adds no token to the context, the
     *     vocabulary has no token for a part of the text, or the context is empty and the tokenizer
     *     has neither a start nor an end token
     */
    public ScoreRequest encode(Tokenizer tokenizer, boolean addSpecialTokens) {
        int before = context.isEmpty() ? 0 : tokenizer.encode(context, addSpecialTokens).length;
        ScoreRequest request =
                before == 0
                        ? afterPrefix(tokenizer)
                        : after(before, tokenizer.encode(context + continuation, addSpecialTokens));
        if (request.counted() == 0) {
            throw new IllegalArgumentException(
                    "the continuation adds no token to the context; expected some text");
        }
        return request;
    }

    private static ScoreRequest after(int context, int[] ids) {
        return new ScoreRequest(ids, Math.min(context, ids.length));
    }

    private ScoreRequest afterPrefix(Tokenizer tokenizer) {
        OptionalInt start = tokenizer.bosId();
        int prefix =
                (start.isPresent() ? start : tokenizer.eosId())
                        .orElseThrow(
                                () ->
                                        new IllegalArgumentException(
                                                "the context is empty, and the tokenizer has"
                                                        + " neither a start nor an end token to"
                                                        + " put in its place; give a context"));
        int[] ids = tokenizer.encode(continuation, false);
        if (ids.length > 0 && ids[0] == prefix) {
            return new ScoreRequest(ids, 1);
        }
        int[] all = new int[ids.length + 1];
        all[0] = prefix;
        System.arraycopy(ids, 0, all, 1, ids.length);
        return new ScoreRequest(all, 1);
    }
}
