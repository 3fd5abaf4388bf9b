package org.retain4j.finetune.monitor;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.retain4j.core.model.CausalLm;
import org.retain4j.core.model.TokenBatch;
import org.retain4j.core.tensor.Scope;
import org.retain4j.finetune.Evaluation;
import org.retain4j.finetune.StateDict;
import org.retain4j.finetune.TrainRow;

/**
 * Loss on rows that are not trained on, and how far it has risen since the start of the run.
 *
 * <p>On text of the task it is the {@code eval_loss}; on text of old abilities the rise is the
 * forgetting. Gives {@code NAME_loss} in nats a token, weighted mean over all rows, and {@code
 * NAME_rise}, that loss less the one before the first step. Not safe for concurrent use.
 */
public final class HeldOutLoss implements Evaluation {

    private final String name;
    private final List<TrainRow> rows;
    private final int batchSize;
    private double before;

    /**
     * Creates the evaluation.
     *
     * @param name first part of the names of the results, for example {@code eval}
     * @param rows rows with at least one token that counts
     * @param batchSize rows of one forward pass ({@code per_device_eval_batch_size})
     * @throws IllegalArgumentException if no token counts or the batch is empty
     */
    public HeldOutLoss(String name, List<TrainRow> rows, int batchSize) {
        this.name = name;
        this.rows = List.copyOf(rows);
        this.batchSize = batchSize;
        if (batchSize < 1 || !(rows.stream().mapToDouble(TrainRow::totalWeight).sum() > 0)) {
            throw new IllegalArgumentException(
                    "an evaluation needs a token that counts and batches of at least one row");
        }
    }

    @Override
    public void start(CausalLm model) {
        before = loss(model);
    }

    @Override
    public Map<String, Double> evaluate(CausalLm model, long step) {
        Map<String, Double> results = new LinkedHashMap<>();
        double now = loss(model);
        results.put(name + "_loss", now);
        results.put(name + "_rise", now - before);
        return results;
    }

    private double loss(CausalLm model) {
        double sum = 0;
        double weight = 0;
        for (int first = 0; first < rows.size(); first += batchSize) {
            List<TrainRow> part = rows.subList(first, Math.min(rows.size(), first + batchSize));
            try (Scope scope = Scope.open()) {
                double[][] scores =
                        model.tokenLogProbs(
                                TokenBatch.packed(
                                        part.stream().map(TrainRow::ids).toList(),
                                        part.stream().map(TrainRow::starts).toList(),
                                        0));
                for (int r = 0; r < part.size(); r++) {
                    float[] weights = part.get(r).weights();
                    for (int t = 0; t < weights.length; t++) {
                        sum -= weights[t] > 0 ? weights[t] * scores[r][t] : 0;
                        weight += weights[t];
                    }
                }
            }
        }
        return sum / weight;
    }

    @Override
    public StateDict save() {
        return new StateDict(Map.of(), Map.of("before_bits", Double.doubleToRawLongBits(before)));
    }

    @Override
    public void load(StateDict state) {
        before = Double.longBitsToDouble(state.number("before_bits"));
    }

    /** Returns name and size, which tell it from another in a checkpoint. */
    @Override
    public String toString() {
        return "HeldOutLoss[name=" + name + ", rows=" + rows.size() + "]";
    }
}
