package org.retain4j.regularization;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import org.retain4j.core.generate.Generator;
import org.retain4j.core.generate.Sampling;
import org.retain4j.core.model.CausalLm;
import org.retain4j.core.nn.Parameter;
import org.retain4j.core.tensor.Kernels;
import org.retain4j.core.tensor.Random;
import org.retain4j.core.tensor.Scope;
import org.retain4j.core.tensor.Tensor;
import org.retain4j.finetune.BatchSource;
import org.retain4j.finetune.CrossEntropy;
import org.retain4j.finetune.LossGradient;
import org.retain4j.finetune.TrainRow;

/**
 * Diagonal of the Fisher information, F = mean over sequences of (∂ Σ log p(token) / ∂θ)², one
 * sequence at a time (Kirkpatrick et al. 2017, arXiv:1612.00796; Kunstner et al. 2019,
 * arXiv:1905.12558, on the labels).
 *
 * <p>The square is that of a single sequence's gradient, never of a mini-batch mean, so the result
 * does not depend on a batch size. Costs a forward and a backward pass a sequence.
 *
 * @param labels which tokens the gradient is of
 * @param sequences number of sequences, 1 or more
 * @param seed seed of the drawn labels
 * @param reduction what of a sequence's tokens the gradient is of
 * @param convention whose constants; with {@link Convention#AVALANCHE} {@code batch} rows share a
 *     gradient
 * @param batch rows of a batch of that convention; 1 otherwise
 */
public record Fisher(
        Labels labels,
        int sequences,
        long seed,
        Reduction reduction,
        Convention convention,
        int batch)
        implements ImportanceEstimator {

    /** Which tokens the gradient is of. */
    public enum Labels {
        /** Drawn from the model's own distribution at each position: the Fisher information. */
        SAMPLED,
        /** Those of the data: the empirical Fisher, small where the model already fits. */
        EMPIRICAL,
        /** The most likely one at each position. */
        PREDICTED,
        /** A whole continuation drawn from the model, in place of the counted tokens. */
        MODEL_SEQUENCE
    }

    /** How the tokens of a sequence are joined before the square. */
    public enum Reduction {
        /** The log-probability of the sequence: its tokens' sum. */
        SUM,
        /** The mean over its tokens, which makes long sequences count less. */
        MEAN
    }

    private static final int LOSS_CHUNK = 256;

    /**
     * Creates an estimator.
     *
     * @throws IllegalArgumentException if a number is not positive, or the sequences make no whole
     *     batches
     */
    public Fisher {
        if (sequences < 1) {
            throw new IllegalArgumentException(
                    "a Fisher estimate needs at least one sequence, not " + sequences);
        }
        boolean batches = convention.squares() == Convention.Squares.OF_BATCH_MEANS;
        if (batch < 1 || (!batches && batch != 1) || sequences % batch != 0) {
            throw new IllegalArgumentException(
                    "only the convention AVALANCHE has batches, and the sequences must fill them;"
                            + " a batch of "
                            + batch
                            + " does not fit "
                            + sequences);
        }
        if (convention.squares() == Convention.Squares.ONE_LESS && sequences < 2) {
            throw new IllegalArgumentException(
                    "the convention VANDEVEN divides by one less than the number of sequences, give"
                            + " at least 2");
        }
    }

    /** Creates an estimator as the paper has it. */
    public Fisher(Labels labels, int sequences, long seed) {
        this(labels, sequences, seed, Reduction.SUM, Convention.PAPER, 1);
    }

    /** Returns an estimator of 64 sequences with sampled labels. */
    public static Fisher defaults() {
        return new Fisher(Labels.SAMPLED, 64, 0);
    }

    /**
     * An estimate and how much it can be trusted.
     *
     * @param importance F
     * @param splitHalf correlation of the estimates from every other sequence, over all weights: 1
     *     when more sequences would change nothing
     */
    public record Estimate(Importance importance, double splitHalf) {}

    @Override
    public Importance estimate(CausalLm model, BatchSource data) {
        return estimate(model, data, false).importance();
    }

    /**
     * Estimates the importance and its quality; needs one more copy of the parameters.
     *
     * @throws IllegalArgumentException if there are not at least two gradients
     */
    public Estimate estimateWithQuality(CausalLm model, BatchSource data) {
        if (sequences / batch < 2) {
            throw new IllegalArgumentException("halves need at least two sequences");
        }
        return estimate(model, data, true);
    }

    private Estimate estimate(CausalLm model, BatchSource data, boolean quality) {
        List<Parameter> parameters = model.parameters();
        DrawnLabels own = new DrawnLabels();
        LossGradient gradient =
                new LossGradient(
                        model,
                        parameters,
                        drawsLabels() ? own : new CrossEntropy(),
                        List.of(),
                        false,
                        LOSS_CHUNK);
        parameters.forEach(parameter -> parameter.value().requiresGrad(true));
        try (Scope scope = Scope.open()) {
            List<Tensor> values = Parameter.values(parameters);
            List<Tensor> sum = Kernels.callForList("list_zeros_like", values);
            List<Tensor> other =
                    quality ? Kernels.callForList("list_zeros_like", values) : List.of();
            int gradients = sequences / batch;
            for (int i = 0; i < gradients; i++) {
                try (Scope part = Scope.open()) {
                    List<TrainRow> rows = data.rows((long) i * batch, batch);
                    LossGradient.Result one = gradient(model, gradient, own, rows, i);
                    if (convention.squares() == Convention.Squares.TIMES_PROBABILITY) {
                        double counted = rows.get(0).totalWeight();
                        double probability =
                                Math.exp(
                                        reduction == Reduction.SUM
                                                ? -one.loss() / counted
                                                : -one.loss());
                        Kernels.call("list_mul_scalar_", one.gradients(), Math.sqrt(probability));
                    }
                    Kernels.call(
                            "list_add_square_",
                            quality && i % 2 == 1 ? other : sum,
                            one.gradients());
                }
            }
            double splitHalf = Double.NaN;
            if (quality) {
                splitHalf = Kernels.call("list_correlation", sum, other).item();
                Kernels.call("list_add_", sum, other, 1.0);
            }
            boolean less = convention.squares() == Convention.Squares.ONE_LESS;
            Kernels.call("list_mul_scalar_", sum, 1.0 / (less ? gradients - 1 : gradients));
            Map<String, Tensor> byName = new LinkedHashMap<>();
            for (int i = 0; i < sum.size(); i++) {
                byName.put(parameters.get(i).name(), sum.get(i));
            }
            return new Estimate(
                    new Importance(byName, sequences, Map.of("estimator", toString())), splitHalf);
        } finally {
            parameters.forEach(parameter -> parameter.value().requiresGrad(false));
        }
    }

    /** Whether the labels come from the scores of the very pass whose gradient is taken. */
    private boolean drawsLabels() {
        return convention.squares() != Convention.Squares.OF_BATCH_MEANS
                && (labels == Labels.SAMPLED || labels == Labels.PREDICTED);
    }

    private LossGradient.Result gradient(
            CausalLm model,
            LossGradient gradient,
            DrawnLabels own,
            List<TrainRow> rows,
            int index) {
        if (convention.squares() == Convention.Squares.OF_BATCH_MEANS) {
            return gradient.of(rows, rows.stream().mapToDouble(TrainRow::totalWeight).sum());
        }
        TrainRow row =
                labels == Labels.MODEL_SEQUENCE ? drawn(model, rows.get(0), index) : rows.get(0);
        own.draw(labels == Labels.SAMPLED ? Random.at(seed, index, "fisher-labels") : null);
        return gradient.of(List.of(row), reduction == Reduction.MEAN ? row.totalWeight() : 1);
    }

    /** Returns the row up to its first counted token, and as many tokens of the model's own. */
    private TrainRow drawn(CausalLm model, TrainRow row, int index) {
        int first = 1;
        while (first < row.ids().length && row.weights()[first] == 0) {
            first++;
        }
        if (first == row.ids().length) {
            return row;
        }
        int[] prompt = Arrays.copyOf(row.ids(), first);
        int[] written =
                new Generator(model, Sampling.temperature(1), OptionalInt.empty())
                        .generate(
                                List.of(prompt),
                                row.ids().length - first,
                                Random.at(seed, index, "fisher-sequences").nextLong())
                        .get(0);
        int[] ids = Arrays.copyOf(row.ids(), row.ids().length);
        System.arraycopy(written, 0, ids, first, written.length);
        return new TrainRow(ids, row.weights(), false);
    }
}
