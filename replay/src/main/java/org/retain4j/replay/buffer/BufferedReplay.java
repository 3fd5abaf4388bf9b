package org.retain4j.replay.buffer;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.retain4j.core.model.CausalLm;
import org.retain4j.core.tensor.Random;
import org.retain4j.finetune.BatchMixer;
import org.retain4j.finetune.BatchSource;
import org.retain4j.finetune.StateDict;
import org.retain4j.finetune.TrainRow;
import org.retain4j.replay.dark.TopScores;

/**
 * Online replay from a buffer that fills as the run goes: each step draws old rows, adds their loss
 * to that of the new ones, L_new + w L_old, two means over tokens, and then offers the new rows to
 * the buffer (experience replay, Rolnick et al. 2019, arXiv:1811.11682).
 *
 * <p>With stored scores it is dark experience replay: a first draw keeps the model near the scores
 * that it had for those rows when they were new, strength α, and a second, independent draw with
 * weight β trains on their labels (DER and DER++, Buzzega et al. 2020, arXiv:2004.07211). The
 * scores are those before the step, from one more forward pass of the new rows. Rows are
 * additional: a step costs (1 + draws / batch) times as much. Not safe for concurrent use.
 */
public final class BufferedReplay implements BatchMixer {

    private final ReplayBuffer buffer;
    private final int rows;
    private final double weight;
    private final long seed;
    private final @Nullable CausalLm model;
    private final @Nullable TopScores scores;
    private int task;

    private BufferedReplay(
            ReplayBuffer buffer,
            int rows,
            double weight,
            long seed,
            @Nullable CausalLm model,
            @Nullable TopScores scores) {
        if (rows < 1 || !(weight >= 0) || Double.isInfinite(weight)) {
            throw new IllegalArgumentException(
                    "replay draws a row or more with a weight from 0 on, not "
                            + rows
                            + " with "
                            + weight);
        }
        this.buffer = buffer;
        this.rows = rows;
        this.weight = weight;
        this.seed = seed;
        this.model = model;
        this.scores = scores;
    }

    /**
     * Replays labels.
     *
     * @param rows rows drawn a step
     * @param weight w, weight of their mean loss
     */
    public static BufferedReplay of(ReplayBuffer buffer, int rows, double weight, long seed) {
        return new BufferedReplay(buffer, rows, weight, seed, null, null);
    }

    /**
     * Replays stored scores: DER with β = 0, DER++ otherwise.
     *
     * @param model the trained model, which the scores are of
     * @param rows rows of each draw
     * @param scores what is stored, with the strength α
     * @param beta β, weight of the labels of the second draw
     */
    public static BufferedReplay dark(
            ReplayBuffer buffer,
            int rows,
            CausalLm model,
            TopScores scores,
            double beta,
            long seed) {
        return new BufferedReplay(buffer, rows, beta, seed, model, scores);
    }

    /** Sets the number of the task that new rows are of, 0 at first. */
    public void task(int number) {
        task = number;
    }

    @Override
    public BatchSource mix(BatchSource newData) {
        return new Mixed(newData);
    }

    /** The rows of new and old data; one call is one step. */
    private final class Mixed implements BatchSource {

        private final BatchSource newData;

        Mixed(BatchSource newData) {
            this.newData = newData;
        }

        @Override
        public List<TrainRow> rows(long firstRow, int count) {
            List<TrainRow> fresh = newData.rows(firstRow, count);
            List<TrainRow> step = new ArrayList<>(fresh);
            CausalLm scored = model;
            TopScores stored = scores;
            if (stored != null) {
                for (TrainRow row : draw(firstRow, "dark")) {
                    // only the scores count
                    step.add(row.besides(new float[row.weights().length]));
                }
            }
            if (weight > 0) {
                step.addAll(weighed(draw(firstRow, "labels"), fresh));
            }
            List<TrainRow> offered =
                    stored == null || scored == null ? fresh : stored.of(scored, fresh);
            offered.forEach(row -> buffer.add(row, task));
            return step;
        }

        private List<TrainRow> draw(long firstRow, String site) {
            return buffer.draw(rows, Random.at(seed, firstRow, "replay-" + site)).stream()
                    .map(TrainRow::asReplayed)
                    .toList();
        }

        /**
         * Gives old rows weights with which their sum over the new divisor is w times their mean.
         */
        private List<TrainRow> weighed(List<TrainRow> old, List<TrainRow> fresh) {
            double ofNew = fresh.stream().mapToDouble(TrainRow::totalWeight).sum();
            double ofOld = old.stream().mapToDouble(TrainRow::totalWeight).sum();
            float factor = ofOld > 0 ? (float) (weight * ofNew / ofOld) : 0;
            List<TrainRow> weighed = new ArrayList<>();
            for (TrainRow row : old) {
                float[] own = row.weights().clone();
                for (int t = 0; t < own.length; t++) {
                    own[t] *= factor;
                }
                TrainRow plain =
                        new TrainRow(row.ids(), row.weights(), true, row.starts(), false, null);
                weighed.add(plain.besides(own));
            }
            return weighed;
        }
    }

    @Override
    public StateDict save() {
        StateDict own = buffer.save();
        Map<String, Long> numbers = new LinkedHashMap<>(own.numbers());
        numbers.put("task", (long) task);
        return new StateDict(own.tensors(), numbers);
    }

    @Override
    public void load(StateDict state) {
        buffer.load(state);
        task = Math.toIntExact(state.number("task"));
    }

    /** Returns name and settings. */
    @Override
    public String toString() {
        return "BufferedReplay[buffer="
                + buffer
                + ", rows="
                + rows
                + ", weight="
                + weight
                + ", seed="
                + seed
                + ", scores="
                + scores
                + "]";
    }
}
