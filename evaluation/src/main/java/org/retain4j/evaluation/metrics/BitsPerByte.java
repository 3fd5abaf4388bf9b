package org.retain4j.evaluation.metrics;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import org.retain4j.core.model.CausalLm;
import org.retain4j.core.model.TokenBatch;
import org.retain4j.core.text.Tokenizer;

/**
 * Bits per byte of documents, in rolling windows as lm-evaluation-harness counts them ({@code
 * loglikelihood_rolling}).
 *
 * <p>Every token of a document is predicted once. The first one follows the model's start token (or
 * its end token, when there is no start token); documents longer than the window go on in windows
 * that see one token of the one before, and the last window begins earlier, so that it is full, but
 * counts only what is left. A window of n tokens is a {@code max_length} of n - 1 there. Comparable
 * between models with different tokenizers, because it counts bytes. Immutable, safe for all
 * threads.
 */
public final class BitsPerByte {

    private static final double LN2 = Math.log(2);
    private static final int BATCH_TOKENS = 4096;

    private final List<Window> windows;
    private final long[] bytes;

    /** The first {@code context} ids are read, the others are predicted. */
    private record Window(int document, int[] ids, int context) {}

    private BitsPerByte(List<Window> windows, long[] bytes) {
        this.windows = windows;
        this.bytes = bytes;
    }

    /**
     * Prepares documents for measuring; the same preparation serves all models with this tokenizer.
     *
     * @param documents at least one text that is not empty
     * @param window largest number of tokens of a forward pass, at least 2
     * @throws IllegalArgumentException if a document is empty or the tokenizer has neither a start
     *     nor an end token
     */
    public static BitsPerByte of(List<String> documents, Tokenizer tokenizer, int window) {
        if (documents.isEmpty() || window < 2) {
            throw new IllegalArgumentException(
                    "bits per byte need a document and a window of at least 2 tokens");
        }
        int prefix =
                tokenizer
                        .bosId()
                        .orElseGet(
                                () ->
                                        tokenizer
                                                .eosId()
                                                .orElseThrow(
                                                        () ->
                                                                new IllegalArgumentException(
                                                                        "the tokenizer has neither"
                                                                                + " a start nor an"
                                                                                + " end token")));
        List<Window> windows = new ArrayList<>();
        long[] bytes = new long[documents.size()];
        for (int d = 0; d < bytes.length; d++) {
            bytes[d] = documents.get(d).getBytes(StandardCharsets.UTF_8).length;
            int[] ids = tokenizer.encode(documents.get(d), false);
            if (ids.length == 0) {
                throw new IllegalArgumentException("document " + (d + 1) + " is empty");
            }
            cut(d, prefix, ids, window, windows);
        }
        windows.sort(Comparator.comparingInt(w -> w.ids.length));
        return new BitsPerByte(windows, bytes);
    }

    private static void cut(int document, int prefix, int[] ids, int window, List<Window> out) {
        int[] all = new int[ids.length + 1];
        all[0] = prefix;
        System.arraycopy(ids, 0, all, 1, ids.length);
        for (int next = 1; next < all.length; next += window - 1) {
            int end = Math.min(all.length, next + window - 1);
            int first = Math.max(0, end - window);
            out.add(new Window(document, Arrays.copyOfRange(all, first, end), next - first));
        }
    }

    /** Returns the number of tokens of one measurement, padding aside. */
    public long tokens() {
        return windows.stream().mapToLong(window -> window.ids.length).sum();
    }

    /** Measures a model. */
    public DocumentScores score(CausalLm model) {
        double[] bits = new double[bytes.length];
        int next = 0;
        while (next < windows.size()) {
            int end = next + 1;
            // windows are sorted: the last one of a batch is the longest
            while (end < windows.size()
                    && (end - next + 1) * windows.get(end).ids.length <= BATCH_TOKENS) {
                end++;
            }
            List<Window> part = windows.subList(next, end);
            double[][] logProbs =
                    model.tokenLogProbs(
                            TokenBatch.padded(part.stream().map(Window::ids).toList(), 0, false));
            for (int r = 0; r < part.size(); r++) {
                Window window = part.get(r);
                double[] counted =
                        Arrays.copyOfRange(logProbs[r], window.context, window.ids.length);
                bits[window.document] -= Arrays.stream(counted).sum() / LN2;
            }
            next = end;
        }
        return new DocumentScores(bits, bytes.clone());
    }
}
