package org.retain4j.finetune;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.retain4j.core.tensor.Device;
import org.retain4j.core.tensor.Kernels;
import org.retain4j.core.tensor.Tensor;

/** The loss of one batch towards the scores that are stored with its rows. */
final class StoredLoss {

    private final StoredScores.Loss loss;
    private final Tensor ids;
    private final Tensor logProbs;
    private final Tensor tails;
    private final Tensor shares;

    private StoredLoss(
            StoredScores.Loss loss, Tensor ids, Tensor logProbs, Tensor tails, Tensor shares) {
        this.loss = loss;
        this.ids = ids;
        this.logProbs = logProbs;
        this.tails = tails;
        this.shares = shares;
    }

    /** Returns how many positions of rows count towards stored scores. */
    static int counted(List<TrainRow> rows) {
        int counted = 0;
        for (TrainRow row : rows) {
            StoredScores stored = row.stored();
            counted += stored == null ? 0 : stored.counted();
        }
        return counted;
    }

    /**
     * Puts the stored scores of rows together, those of one kind and k each.
     *
     * @param tokens tokens of a row of the batch
     * @param divisor positions that the mean is over
     */
    static List<StoredLoss> of(List<TrainRow> rows, int tokens, int divisor, Device device) {
        List<StoredLoss> losses = new ArrayList<>();
        for (StoredScores.Loss loss : StoredScores.Loss.values()) {
            for (int k : sizes(rows, loss)) {
                losses.add(of(rows, tokens, divisor, loss, k, device));
            }
        }
        return losses;
    }

    private static int[] sizes(List<TrainRow> rows, StoredScores.Loss loss) {
        List<Integer> sizes = new ArrayList<>();
        for (TrainRow row : rows) {
            StoredScores stored = row.stored();
            if (stored != null && stored.loss() == loss && !sizes.contains(stored.k())) {
                sizes.add(stored.k());
            }
        }
        return sizes.stream().mapToInt(Integer::intValue).toArray();
    }

    private static StoredLoss of(
            List<TrainRow> rows,
            int tokens,
            int divisor,
            StoredScores.Loss loss,
            int k,
            Device device) {
        int positions = rows.size() * tokens;
        long[] ids = new long[positions * k];
        float[] logProbs = new float[positions * k];
        float[] tails = new float[positions];
        float[] shares = new float[positions];
        Arrays.fill(tails, Float.NEGATIVE_INFINITY);
        for (int r = 0; r < rows.size(); r++) {
            StoredScores stored = rows.get(r).stored();
            if (stored == null || stored.loss() != loss || stored.k() != k) {
                continue;
            }
            for (int t = 0; t < stored.positions(); t++) {
                int at = r * tokens + t;
                for (int i = 0; i < k; i++) {
                    ids[at * k + i] = stored.ids()[t * k + i];
                    logProbs[at * k + i] = stored.logProbs()[t * k + i];
                }
                tails[at] = stored.tails()[t];
                shares[at] = (float) (stored.places()[t] * stored.strength() / divisor);
            }
        }
        return new StoredLoss(
                loss,
                Tensor.of(ids, positions, k).to(device),
                Tensor.of(logProbs, positions, k).to(device),
                Tensor.of(tails, positions).to(device),
                Tensor.of(shares, positions).to(device));
    }

    /** Adds the gradient of some positions and returns their loss. */
    double accumulate(Tensor logits, Tensor gradient, long start, long length) {
        return Kernels.call(
                        loss == StoredScores.Loss.KL ? "stored_kl_into" : "stored_mse_into",
                        logits,
                        gradient,
                        ids.narrow(0, start, length),
                        logProbs.narrow(0, start, length),
                        tails.narrow(0, start, length),
                        shares.narrow(0, start, length))
                .item();
    }
}
