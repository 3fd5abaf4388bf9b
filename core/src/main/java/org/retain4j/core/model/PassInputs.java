package org.retain4j.core.model;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;
import org.retain4j.core.nn.ForwardContext;
import org.retain4j.core.nn.KvCache;
import org.retain4j.core.nn.PassMode;
import org.retain4j.core.nn.Rotary;
import org.retain4j.core.nn.Taps;
import org.retain4j.core.tensor.Device;
import org.retain4j.core.tensor.Precision;
import org.retain4j.core.tensor.Scope;
import org.retain4j.core.tensor.Tensor;

/** Checks batches and makes of them what a forward pass needs beside the weights. */
final class PassInputs implements AutoCloseable {

    private final DecoderSpec spec;
    private final Device device;
    private final Precision precision;
    private final List<Rotary> rotaries = new ArrayList<>();
    private final Set<Integer> windows = new TreeSet<>();

    PassInputs(DecoderSpec spec, Device device, Precision precision) {
        this.spec = spec;
        this.device = device;
        this.precision = precision;
        spec.layers().forEach(layer -> windows.add(layer.window()));
        try (Scope building = Scope.open()) {
            for (Rotary.Spec rotary : spec.rotaries()) {
                rotaries.add(new Rotary(rotary, device));
            }
        }
    }

    Tensor ids(TokenBatch batch) {
        return Tensor.of(batch.ids(), batch.rows(), batch.tokens()).to(device);
    }

    Tensor positions(TokenBatch batch, int start, @Nullable KvCache cache) {
        int tokens = batch.tokens();
        if (cache != null && cache.isPadded()) {
            long[] places = new long[batch.rows() * tokens];
            for (int i = 0; i < places.length; i++) {
                places[i] = Math.max(0, start + i % tokens - cache.padding(i / tokens));
            }
            return Tensor.of(places, batch.rows(), tokens).to(device);
        }
        if (batch.isLeftPadded() || batch.isPacked()) {
            return Tensor.of(batch.positions(), batch.rows(), tokens).to(device);
        }
        return Tensor.arange(start, (long) start + tokens, device).reshape(1, tokens);
    }

    /**
     * Checks a batch and makes what all blocks need for it.
     *
     * @param dropoutSeed seed of the masks of adapters with dropout, or null for no dropout
     */
    ForwardContext context(
            TokenBatch batch, @Nullable KvCache cache, Taps taps, @Nullable Long dropoutSeed) {
        requireIds(batch);
        int start = cache == null ? 0 : cache.position();
        if (cache != null && batch.isPacked()) {
            throw new IllegalArgumentException("a cache holds one sequence a row, not packed ones");
        }
        int end = start + batch.extent();
        if (end > spec.maxPositions()) {
            throw new IllegalArgumentException(
                    "a row of "
                            + end
                            + " tokens is longer than the model's "
                            + spec.maxPositions()
                            + " positions (max_position_embeddings); cut it");
        }
        Tensor ids = positions(batch, start, cache);
        List<List<Tensor>> tables = new ArrayList<>();
        for (Rotary rotary : rotaries) {
            tables.add(rotary.tables(ids, end));
        }
        ForwardContext context =
                new ForwardContext(
                        tables,
                        realTokens(batch, start, cache),
                        batch.isPacked()
                                ? List.of(
                                        Tensor.of(batch.segments(), batch.rows(), batch.tokens())
                                                .to(device))
                                : List.of(),
                        ids,
                        batch.tokens(),
                        start,
                        spec.block().attention().softCap() > 0,
                        new PassMode(precision.computeType(), dropoutSeed),
                        cache,
                        taps);
        context.prepare(windows);
        return context;
    }

    /** Returns where tokens and not padding are, as far as a left-padded batch needs it. */
    private List<Tensor> realTokens(TokenBatch batch, int start, @Nullable KvCache cache) {
        int rows = batch.rows();
        if (cache == null) {
            return batch.isLeftPadded()
                    ? List.of(Tensor.of(batch.mask(), rows, batch.tokens()).to(device))
                    : List.of();
        }
        int end = start + batch.tokens();
        for (int r = 0; r < rows; r++) {
            int allowed = start == 0 ? cache.padding(r) : 0;
            if (batch.count(r) != batch.tokens() - allowed) {
                throw new IllegalArgumentException(
                        "row "
                                + r
                                + " of a cached batch has padding that is not before its first"
                                + " token; use TokenBatch.padded with padding on the left, and"
                                + " none after the first tokens");
            }
        }
        if (!cache.isPadded()) {
            return List.of();
        }
        boolean[] real = new boolean[rows * end];
        for (int i = 0; i < real.length; i++) {
            real[i] = i % end >= cache.padding(i / end);
        }
        return List.of(Tensor.of(real, rows, end).to(device));
    }

    private void requireIds(TokenBatch batch) {
        for (int r = 0; r < batch.rows(); r++) {
            for (int t = 0; t < batch.tokens(); t++) {
                int id = batch.id(r, t);
                if (id < 0 || id >= spec.vocabularySize()) {
                    throw new IllegalArgumentException(
                            "token id "
                                    + id
                                    + " at row "
                                    + r
                                    + ", position "
                                    + t
                                    + " is not in the model's vocabulary of "
                                    + spec.vocabularySize()
                                    + "; is the tokenizer the model's own?");
                }
            }
        }
    }

    /** Frees the tables of rotary embeddings. */
    @Override
    public void close() {
        rotaries.forEach(Rotary::close);
    }
}
