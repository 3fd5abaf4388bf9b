package org.retain4j.replay.generation;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.retain4j.finetune.BatchMixer;
import org.retain4j.finetune.BatchSource;
import org.retain4j.finetune.TrainRow;

/**
 * Trains every example as an answer and as a text, L_QA + λ L_LM, two weighted means over tokens
 * (LAMOL, arXiv:1909.03329).
 *
 * <p>Rows come as {@link LamolFormat} writes them. The answer's row has no start token and counts
 * from the first token of the answer to the end; the text's row counts everything, and the answer
 * token five times, as in the paper's code. Twice the tokens of plain training. A function of the
 * row number, so it has no state. Safe for all threads if the source is.
 *
 * @param format the tokens
 * @param lambda λ, 0 or more
 * @param frameWeight weight of an answer token
 */
public record LamolLosses(LamolFormat format, double lambda, double frameWeight)
        implements BatchMixer {

    /** Weight of an answer token in the paper's code. */
    public static final double FRAME_WEIGHT = 5;

    /**
     * Creates the losses.
     *
     * @throws IllegalArgumentException if a number is negative
     */
    public LamolLosses {
        if (!(lambda >= 0) || Double.isInfinite(lambda) || !(frameWeight > 0)) {
            throw new IllegalArgumentException(
                    "lambda must be 0 or more and the weight positive, are "
                            + lambda
                            + " and "
                            + frameWeight);
        }
    }

    /** Creates the losses with the paper's weight of the answer token. */
    public LamolLosses(LamolFormat format, double lambda) {
        this(format, lambda, FRAME_WEIGHT);
    }

    @Override
    public BatchSource mix(BatchSource newData) {
        return (firstRow, count) -> {
            List<TrainRow> answers = new ArrayList<>();
            List<TrainRow> texts = new ArrayList<>();
            for (TrainRow row : newData.rows(firstRow, count)) {
                answers.add(answer(row));
                texts.add(text(row));
            }
            double ofAnswers = answers.stream().mapToDouble(TrainRow::totalWeight).sum();
            double ofTexts = texts.stream().mapToDouble(TrainRow::totalWeight).sum();
            List<TrainRow> step = new ArrayList<>(answers);
            for (TrainRow row : lambda > 0 ? texts : List.<TrainRow>of()) {
                float[] own = row.weights().clone();
                for (int t = 0; t < own.length; t++) {
                    own[t] *= (float) (lambda * ofAnswers / ofTexts);
                }
                step.add(row.besides(own));
            }
            return step;
        };
    }

    private int start(TrainRow row) {
        int at = row.ids().length > 0 && row.ids()[0] == format.first() ? 1 : 0;
        if (row.starts().length != 1
                || row.ids().length < at + 4
                || !format.starts().contains(row.ids()[at])) {
            throw new IllegalArgumentException(
                    "a row does not begin with a start token of lamol; prepare the data with"
                            + " LamolFormat and turn packing off");
        }
        return at;
    }

    /** Returns the row of the answer: without the start token, from the answer to the end. */
    TrainRow answer(TrainRow row) {
        int start = start(row);
        int[] ids = new int[row.ids().length - 1];
        System.arraycopy(row.ids(), 0, ids, 0, start);
        System.arraycopy(row.ids(), start + 1, ids, start, ids.length - start);
        float[] weights = new float[ids.length];
        int answer = 0;
        while (answer < ids.length && ids[answer] != format.answer()) {
            answer++;
        }
        for (int t = Math.max(1, answer + 1); t < ids.length; t++) {
            weights[t] = 1;
        }
        return new TrainRow(ids, weights, row.replayed());
    }

    /** Returns the row of the text: everything counts. */
    TrainRow text(TrainRow row) {
        int start = start(row);
        float[] weights = new float[row.ids().length];
        Arrays.fill(weights, start + 1, weights.length, 1);
        for (int t = start + 1; t < weights.length; t++) {
            if (row.ids()[t] == format.answer()) {
                weights[t] = (float) frameWeight;
            }
        }
        return new TrainRow(row.ids(), weights, row.replayed());
    }
}
