package org.retain4j.evaluation.metrics;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import org.retain4j.core.model.CausalLm;
import org.retain4j.core.model.TokenBatch;
import org.retain4j.core.tensor.Autograd;
import org.retain4j.core.tensor.Scope;
import org.retain4j.core.tensor.Tensor;
import org.retain4j.core.text.Tokenizer;

/**
 * How far a model's predictions moved away from those of the base model on a probe text.
 *
 * <p>The divergence of the two distributions of the next token is taken at every token of the probe
 * and averaged: it is 0 for the same predictions and needs no answers. Forward divergence
 * KL(base‖model) is large where the model no longer considers what the base expected, reverse
 * divergence KL(model‖base) where it came to expect what the base did not. Immutable; safe for all
 * threads as far as the models are.
 */
public final class KlDrift {

    /** Tokens of a batch, padding included. */
    private static final int BATCH_TOKENS = 2048;

    /** Places whose distributions are in memory at a time. */
    private static final int CHUNK = 128;

    private static final int PADDING = 0;

    private final List<int[]> windows;

    /**
     * Divergences in nats a token.
     *
     * @param forward mean of KL(base‖model), at least 0 up to rounding
     * @param reverse mean of KL(model‖base)
     * @param tokens number of predicted places that were compared
     */
    public record Result(double forward, double reverse, long tokens) {}

    private KlDrift(List<int[]> windows) {
        this.windows = windows;
    }

    /**
     * Prepares a probe.
     *
     * @param documents at least one text with a token
     * @param window tokens of a forward pass, at least 1; longer documents are cut into windows
     * @throws IllegalArgumentException if there is no token, or the window is not positive
     */
    public static KlDrift of(List<String> documents, Tokenizer tokenizer, int window) {
        if (window < 1) {
            throw new IllegalArgumentException("the window must be at least 1, is " + window);
        }
        List<int[]> windows = new ArrayList<>();
        for (String document : documents) {
            int[] ids = tokenizer.encode(document);
            for (int start = 0; start < ids.length; start += window) {
                windows.add(Arrays.copyOfRange(ids, start, Math.min(ids.length, start + window)));
            }
        }
        if (windows.isEmpty()) {
            throw new IllegalArgumentException("a probe needs at least one token of text");
        }
        windows.sort(Comparator.comparingInt((int[] part) -> -part.length));
        return new KlDrift(windows);
    }

    /**
     * Compares two models with the same vocabulary.
     *
     * @throws IllegalArgumentException if their vocabularies are of different sizes, or the window
     *     is longer than one of them can read
     */
    public Result measure(CausalLm base, CausalLm model) {
        int first = base.spec().vocabularySize();
        int second = model.spec().vocabularySize();
        if (first != second) {
            throw new IllegalArgumentException(
                    ("the base predicts %d tokens and the model %d; only models with the same"
                                    + " vocabulary can be compared")
                            .formatted(first, second));
        }
        double[] sums = new double[2];
        long tokens = 0;
        for (int next = 0; next < windows.size(); ) {
            int count = Math.max(1, BATCH_TOKENS / windows.get(next).length);
            List<int[]> batch = windows.subList(next, Math.min(windows.size(), next + count));
            tokens += add(base, model, batch, sums);
            next += batch.size();
        }
        return new Result(sums[0] / tokens, sums[1] / tokens, tokens);
    }

    /** Adds the divergences at every token of a batch and returns how many there are. */
    private static int add(CausalLm base, CausalLm model, List<int[]> batch, double[] sums) {
        try (Scope scope = Scope.open();
                Autograd.Mode mode = Autograd.noGrad()) {
            TokenBatch read = TokenBatch.padded(batch, PADDING, false);
            long[] places = new long[batch.stream().mapToInt(window -> window.length).sum()];
            int at = 0;
            for (int row = 0; row < batch.size(); row++) {
                for (int t = 0; t < batch.get(row).length; t++) {
                    places[at++] = (long) row * read.tokens() + t;
                }
            }
            Tensor ofBase = flat(base, read, places);
            Tensor ofModel = flat(model, read, places);
            for (int start = 0; start < places.length; start += CHUNK) {
                int length = Math.min(CHUNK, places.length - start);
                try (Scope part = Scope.open()) {
                    Tensor p = base.head(ofBase.narrow(1, start, length)).logSoftmax(-1);
                    Tensor q =
                            model.head(ofModel.narrow(1, start, length))
                                    .logSoftmax(-1)
                                    .to(base.device());
                    Tensor apart = p.sub(q);
                    sums[0] += p.exp().mul(apart).sum().item();
                    sums[1] -= q.exp().mul(apart).sum().item();
                }
            }
            return places.length;
        }
    }

    /** Returns the hidden states of the tokens that are no padding, {@code [1, places, hidden]}. */
    private static Tensor flat(CausalLm model, TokenBatch read, long[] places) {
        int width = model.spec().hiddenSize();
        return model.hidden(read)
                .reshape(-1, width)
                .indexSelect(0, Tensor.of(places, places.length).to(model.device()))
                .reshape(1, places.length, width);
    }
}
