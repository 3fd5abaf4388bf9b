package org.retain4j.replay.dark;

import java.util.ArrayList;
import java.util.List;
import org.retain4j.core.model.CausalLm;
import org.retain4j.core.model.TokenBatch;
import org.retain4j.core.tensor.Kernels;
import org.retain4j.core.tensor.Scope;
import org.retain4j.core.tensor.Tensor;
import org.retain4j.finetune.StoredScores;
import org.retain4j.finetune.TrainRow;

/**
 * Takes down the most likely tokens of a model at every position of rows, with the log-probability
 * of all others together.
 *
 * @param k tokens a position; the whole vocabulary stores all scores
 * @param strength what the loss towards them is multiplied by
 * @param loss how the difference is measured
 */
public record TopScores(int k, double strength, StoredScores.Loss loss) {

    /** Default number of tokens. */
    public static final int DEFAULT_K = 64;

    private static final int CHUNK = 256;

    /**
     * Creates settings.
     *
     * @throws IllegalArgumentException if k is not positive or the strength negative
     */
    public TopScores {
        if (k < 1 || !(strength >= 0) || Double.isInfinite(strength)) {
            throw new IllegalArgumentException(
                    "k must be 1 or more and the strength 0 or more, are "
                            + k
                            + " and "
                            + strength);
        }
    }

    /**
     * Returns rows with the scores that a model has for them now; tokens that do not count in the
     * loss do not count here either.
     *
     * <p>Costs one forward pass of the rows.
     */
    public List<TrainRow> of(CausalLm model, List<TrainRow> rows) {
        int most = Math.min(k, model.spec().vocabularySize());
        TokenBatch batch =
                TokenBatch.packed(
                        rows.stream().map(TrainRow::ids).toList(),
                        rows.stream().map(TrainRow::starts).toList(),
                        0);
        try (Scope pass = Scope.open()) {
            long places = (long) batch.rows() * batch.tokens();
            Tensor hidden = model.hidden(batch).reshape(places, model.spec().hiddenSize());
            Tensor head = model.headMatrix();
            int[] ids = new int[(int) places * most];
            float[] values = new float[ids.length];
            float[] tails = new float[(int) places];
            for (int start = 0; start < places; start += CHUNK) {
                int length = (int) Math.min(CHUNK, places - start);
                try (Scope part = Scope.open()) {
                    List<Tensor> top =
                            Kernels.callForList(
                                    "top_scores",
                                    hidden.narrow(0, start, length),
                                    head,
                                    most,
                                    model.spec().logitSoftCap(),
                                    model.precision().computeType().scalarType());
                    long[] tokens = top.get(0).toLongArray();
                    for (int i = 0; i < tokens.length; i++) {
                        ids[start * most + i] = (int) tokens[i];
                    }
                    System.arraycopy(
                            top.get(1).toFloatArray(), 0, values, start * most, tokens.length);
                    System.arraycopy(top.get(2).toFloatArray(), 0, tails, start, length);
                }
            }
            List<TrainRow> scored = new ArrayList<>();
            for (int r = 0; r < rows.size(); r++) {
                scored.add(scored(rows.get(r), most, ids, values, tails, r * batch.tokens()));
            }
            return scored;
        }
    }

    private TrainRow scored(
            TrainRow row, int most, int[] ids, float[] values, float[] tails, int first) {
        int places = row.ids().length - 1;
        int[] ownIds = new int[places * most];
        float[] ownValues = new float[places * most];
        float[] ownTails = new float[places];
        float[] counts = new float[places];
        System.arraycopy(ids, first * most, ownIds, 0, ownIds.length);
        System.arraycopy(values, first * most, ownValues, 0, ownValues.length);
        System.arraycopy(tails, first, ownTails, 0, places);
        for (int t = 0; t < places; t++) {
            counts[t] = row.weights()[t + 1] > 0 ? 1 : 0;
        }
        return row.near(
                new StoredScores(most, ownIds, ownValues, ownTails, counts, strength, loss));
    }
}
