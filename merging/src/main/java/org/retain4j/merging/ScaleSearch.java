package org.retain4j.merging;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/**
 * Finds how much of a task vector to apply: the largest factor at which a control measure keeps a
 * share of its first value, as in Ilharco et al., "Editing models with task arithmetic",
 * 2212.04089, who take 95 % and factors from 0 to 1 in steps of 0.05.
 *
 * <p>Measures are losses, such as bits per byte, of which less is better: a share of 0.95 is kept
 * as long as the loss is at most the first one over 0.95. Data that a final number is reported on
 * must be neither the validation nor the control data. Stateless.
 */
public final class ScaleSearch {

    /**
     * What a factor does.
     *
     * @param scale the factor
     * @param validation loss on what the vector is for
     * @param control loss on what must not be lost
     * @param kept whether the control measure keeps its share
     */
    public record Trial(double scale, double validation, double control, boolean kept) {}

    /**
     * All factors that were tried.
     *
     * @param trials in the order of the factors, 0 among them
     * @param largest the largest factor that is kept
     * @param best of the factors that are kept the one with the least validation loss
     */
    public record Result(List<Trial> trials, Trial largest, Trial best) {

        /** Makes a result with its own copy of the list. */
        public Result {
            trials = List.copyOf(trials);
        }
    }

    /** Measures a model that a share of the vector is applied to. */
    @FunctionalInterface
    public interface Measure {
        /** Returns the validation and the control loss. */
        double[] at(double scale) throws IOException;
    }

    private ScaleSearch() {}

    /**
     * Returns factors from 0 to an end, which may be negative.
     *
     * @param end last factor
     * @param step distance of two factors, more than 0
     * @throws IllegalArgumentException if that makes no factor or more than a thousand
     */
    public static double[] grid(double end, double step) {
        if (!(step > 0) || !(Math.abs(end) >= step) || Math.abs(end) / step > 1000) {
            throw new IllegalArgumentException(
                    "factors from 0 to "
                            + end
                            + " in steps of "
                            + step
                            + "; expected 1 to 1000 steps of more than 0");
        }
        int count = (int) Math.floor(Math.abs(end) / step + 1e-9);
        double[] scales = new double[count + 1];
        for (int k = 1; k <= count; k++) {
            scales[k] = Math.signum(end) * Math.round(k * step * 1e9) / 1e9;
        }
        return scales;
    }

    /**
     * Tries factors in their order.
     *
     * @param scales the factors, 0 first, each farther from it than the one before
     * @param keep share of the control measure to keep, from 0 to 1
     * @throws IllegalArgumentException if the factors or the share are others
     * @throws MergeException if a loss at 0 is not a positive number
     * @throws IOException if a measure cannot be taken
     */
    public static Result run(double[] scales, double keep, Measure measure) throws IOException {
        if (scales.length < 2 || scales[0] != 0 || !(keep > 0 && keep <= 1)) {
            throw new IllegalArgumentException(
                    "a search needs 0 and further factors, and a share of more than 0 and at most 1"
                            + " to keep");
        }
        List<Trial> trials = new ArrayList<>();
        double limit = 0;
        for (int k = 0; k < scales.length; k++) {
            if (k > 0 && !(Math.abs(scales[k]) > Math.abs(scales[k - 1]))) {
                throw new IllegalArgumentException(
                        "the factor " + scales[k] + " is not farther from 0 than that before it");
            }
            double[] losses = measure.at(scales[k]);
            if (k == 0) {
                limit = losses[1] / keep;
                if (!(limit > 0) || Double.isInfinite(limit)) {
                    throw new MergeException(
                            "The control loss of the model without the vector is "
                                    + losses[1]
                                    + "; expected a positive number");
                }
            }
            trials.add(new Trial(scales[k], losses[0], losses[1], losses[1] <= limit));
        }
        Trial largest = trials.get(0);
        Trial best = trials.get(0);
        for (Trial trial : trials) {
            if (trial.kept()) {
                largest = trial;
                best = trial.validation() < best.validation() ? trial : best;
            }
        }
        return new Result(trials, largest, best);
    }
}
