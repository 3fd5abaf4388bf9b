package org.retain4j.core.nn;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.retain4j.core.tensor.Kernels;
import org.retain4j.core.tensor.Scope;
import org.retain4j.core.tensor.Tensor;

/**
 * What every block of one forward pass needs beside its input.
 *
 * <p>Belongs to the scope and thread of the pass; its tensors live until that scope closes.
 */
public final class ForwardContext {

    private final List<List<Tensor>> rotations;
    private final List<Tensor> real;
    private final List<Tensor> segments;
    private final Tensor like;
    private final int tokens;
    private final int start;
    private final boolean alwaysMasked;
    private final PassMode mode;
    private final @Nullable KvCache cache;
    private final Taps taps;
    private final Map<Integer, List<Tensor>> masks = new HashMap<>();

    /**
     * Creates a context.
     *
     * @param rotations cosines and sines of each rotary embedding of the model
     * @param real which place of each row is a token and not padding, boolean {@code [batch, start
     *     + tokens]}; empty when all are
     * @param segments number of the sequence that each place belongs to, int64 {@code [batch,
     *     tokens]}; empty when each row is a single one
     * @param like any tensor on the device of the pass
     * @param tokens number of tokens of this pass
     * @param start number of earlier tokens in the cache
     * @param alwaysMasked whether attention needs a mask even where plain causality would do
     * @param cache keys and values of earlier tokens, or null when there are none
     */
    public ForwardContext(
            List<List<Tensor>> rotations,
            List<Tensor> real,
            List<Tensor> segments,
            Tensor like,
            int tokens,
            int start,
            boolean alwaysMasked,
            PassMode mode,
            @Nullable KvCache cache,
            Taps taps) {
        this.rotations = rotations;
        this.real = real;
        this.segments = segments;
        this.like = like;
        this.tokens = tokens;
        this.start = start;
        this.alwaysMasked = alwaysMasked;
        this.mode = mode;
        this.cache = cache;
        this.taps = taps;
    }

    /** Returns cosines and sines, or nothing for a model without rotary embedding. */
    List<Tensor> rotation(int index) {
        return index < 0 ? List.of() : rotations.get(index);
    }

    /**
     * Builds the masks of all windows of a model, in the scope of the caller.
     *
     * <p>A pass builds them before its blocks open scopes of their own, in which they would die.
     */
    public void prepare(Iterable<Integer> windows) {
        for (int window : windows) {
            masks.computeIfAbsent(window, this::build);
        }
    }

    /**
     * Returns which key each query may see, boolean {@code [batch or 1, 1, tokens, start +
     * tokens]}; empty where a query sees all tokens up to its own.
     *
     * @param window number of last tokens that a query sees, itself included; 0 for all
     */
    List<Tensor> mask(int window) {
        List<Tensor> mask = masks.get(window);
        if (mask == null) {
            throw new IllegalStateException("no mask was prepared for a window of " + window);
        }
        return mask;
    }

    private List<Tensor> build(int window) {
        int end = start + tokens;
        boolean windowed = window > 0 && window < end;
        if (cache != null && tokens == 1 && real.isEmpty()) {
            // the cache is cut to the window instead
            return List.of();
        }
        if (real.isEmpty() && segments.isEmpty() && !windowed && start == 0 && !alwaysMasked) {
            return List.of();
        }
        try (Scope scope = Scope.open()) {
            Tensor mask =
                    Kernels.call(
                            "attention_mask",
                            real,
                            segments,
                            like,
                            tokens,
                            end,
                            windowed ? window : 0);
            return List.of(scope.passOut(mask));
        }
    }

    PassMode mode() {
        return mode;
    }

    @Nullable KvCache cache() {
        return cache;
    }

    /** Returns the taps of the pass. */
    public Taps taps() {
        return taps;
    }
}
