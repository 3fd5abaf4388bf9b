package org.retain4j.cli.train;

import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import org.retain4j.core.model.DecoderSpec;
import org.retain4j.core.nn.AttentionSpec;
import org.retain4j.finetune.TrainOptions;

/**
 * About how much memory a run takes at its peak, by what takes it.
 *
 * <p>Weights, gradients and copies are exact; activations are counted by the tensors that the
 * backward pass of a block keeps, for full rows.
 *
 * @param bytes by name, in the order of a table
 */
record MemoryEstimate(Map<String, Long> bytes) {

    private static final long NUMBER = 4;
    private static final long PROCESS = 400L << 20;
    private static final int LOSS_CHUNK = TrainOptions.defaults().lossChunk();

    static MemoryEstimate of(RunConfig config, DecoderSpec spec, long all, long trained) {
        Map<String, Long> bytes = new LinkedHashMap<>();
        bytes.put("weights", all * NUMBER);
        bytes.put("gradients", trained * NUMBER);
        long states =
                switch (config.optim) {
                    case ADAMW -> 2 * trained;
                    case SGD -> config.momentum > 0 ? trained : 0;
                    // rows and columns of each matrix
                    case ADAFACTOR -> trained / Math.max(1, spec.hiddenSize() / 2);
                };
        bytes.put("optimizer", states * NUMBER);
        long copies = 0;
        boolean whole = config.lora == null;
        copies += config.regularization.l2Sp == null || !whole ? 0 : trained;
        copies += config.regularization.ewc == null ? 0 : whole ? 2 * trained : all;
        boolean teaches =
                config.regularization.klToBase != null || config.regularization.wiseFt != null;
        // with an adapter the base itself is the teacher
        copies += teaches && config.lora == null ? all : 0;
        copies += config.emaDecay == null ? 0 : trained;
        if (copies > 0) {
            bytes.put("methods", copies * NUMBER);
        }
        long tokens = (long) config.batchSize * config.maxLength;
        AttentionSpec attention = spec.block().attention();
        long heads = (long) attention.heads() * attention.headDim();
        long inner = spec.block().mlp().innerWidth();
        // a graph over adapters keeps the norm, the activation and its product as well
        long block =
                whole
                        ? 4L * spec.hiddenSize() + 4 * heads + 2 * inner
                        : 6L * spec.hiddenSize() + 4 * heads + 4 * inner;
        long layers = spec.layers().size();
        long kept =
                config.gradientCheckpointing ? layers * spec.hiddenSize() + block : layers * block;
        bytes.put("activations", tokens * kept * NUMBER);
        bytes.put(
                "loss",
                (3L * Math.min(tokens, LOSS_CHUNK) * spec.vocabularySize()
                                + 2 * tokens * spec.hiddenSize())
                        * NUMBER);
        bytes.put("Java and libraries", PROCESS);
        return new MemoryEstimate(bytes);
    }

    /** Returns the sum in bytes. */
    long total() {
        return bytes.values().stream().mapToLong(Long::longValue).sum();
    }

    @Override
    public String toString() {
        StringBuilder text = new StringBuilder();
        bytes.forEach(
                (name, size) ->
                        text.append(text.isEmpty() ? "" : ", ")
                                .append(name)
                                .append(' ')
                                .append(megabytes(size)));
        return "about " + megabytes(total()) + " (" + text + ")";
    }

    private static String megabytes(long bytes) {
        return String.format(Locale.ROOT, "%,.0f MB", bytes / 1e6);
    }
}
