package org.retain4j.regularization.weights;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.function.ToDoubleFunction;
import org.retain4j.core.model.CausalLm;
import org.retain4j.core.nn.Parameter;
import org.retain4j.core.tensor.Kernels;
import org.retain4j.core.tensor.Scope;
import org.retain4j.core.tensor.Tensor;

/**
 * Averages of the weights of several models of one shape, in float32: weighted means, the uniform
 * and the greedy model soup (Wortsman et al. 2022, arXiv:2203.05482), and LM-Cocktail, whose
 * weights follow the models' losses on a few examples, softmax(-L / τ) (Xiao et al. 2023,
 * arXiv:2311.13534).
 *
 * <p>Costs one pass over the weights for each model, and one evaluation for each where a measure is
 * given. Stateless; safe for all threads as far as the models are.
 */
public final class ModelSoup {

    /** The temperature of LM-Cocktail's code. */
    public static final double DEFAULT_TEMPERATURE = 5;

    private ModelSoup() {}

    /**
     * Writes the weighted sum of models into one of them, or another.
     *
     * @param target gets the result; may be one of the models
     * @param weights share of each model; 1 in sum for a mean
     * @throws IllegalArgumentException if there is not one weight for each model
     */
    public static void mix(CausalLm target, List<CausalLm> models, double... weights) {
        if (models.isEmpty() || weights.length != models.size()) {
            throw new IllegalArgumentException(
                    "a mix needs one weight for each of its models, got "
                            + weights.length
                            + " for "
                            + models.size());
        }
        for (int p = 0; p < target.parameters().size(); p++) {
            try (Scope mixing = Scope.open()) {
                Tensor sum = null;
                for (int m = 0; m < weights.length; m++) {
                    Tensor part = models.get(m).parameters().get(p).value().mul(weights[m]);
                    sum = sum == null ? part : sum.add(part);
                }
                if (sum != null) {
                    target.parameters().get(p).value().copyInPlace(sum);
                }
            }
        }
    }

    /** Writes the mean of models into a target. */
    public static void uniform(CausalLm target, List<CausalLm> models) {
        double[] weights = new double[models.size()];
        Arrays.fill(weights, 1.0 / models.size());
        mix(target, models, weights);
    }

    /**
     * Adds models, the best first, as long as the mean becomes no worse on validation data.
     *
     * @param target gets the mean; none of the models
     * @param measure loss on validation data, lower is better
     * @return places of the models that are in the mean
     */
    public static List<Integer> greedy(
            CausalLm target, List<CausalLm> models, ToDoubleFunction<CausalLm> measure) {
        double[] losses = models.stream().mapToDouble(measure).toArray();
        List<Integer> order = new ArrayList<>();
        for (int m = 0; m < losses.length; m++) {
            order.add(m);
        }
        order.sort(Comparator.comparingDouble(m -> losses[m]));
        List<Integer> chosen = new ArrayList<>();
        double best = Double.POSITIVE_INFINITY;
        for (int candidate : order) {
            List<Integer> next = new ArrayList<>(chosen);
            next.add(candidate);
            uniform(target, next.stream().map(models::get).toList());
            double loss = measure.applyAsDouble(target);
            if (loss <= best) {
                best = loss;
                chosen = next;
            }
        }
        uniform(target, chosen.stream().map(models::get).toList());
        return chosen;
    }

    /**
     * Writes LM-Cocktail's mix into a target.
     *
     * @param measure loss of a model on a few examples of the task
     * @param temperature τ, positive
     * @return the shares of the models
     */
    public static double[] cocktail(
            CausalLm target,
            List<CausalLm> models,
            ToDoubleFunction<CausalLm> measure,
            double temperature) {
        if (!(temperature > 0)) {
            throw new IllegalArgumentException("temperature must be positive, is " + temperature);
        }
        double[] losses = models.stream().mapToDouble(measure).toArray();
        double least = Arrays.stream(losses).min().orElse(0);
        double[] shares = new double[losses.length];
        double sum = 0;
        for (int m = 0; m < losses.length; m++) {
            shares[m] = Math.exp((least - losses[m]) / temperature);
            sum += shares[m];
        }
        for (int m = 0; m < losses.length; m++) {
            shares[m] /= sum;
        }
        mix(target, models, shares);
        return shares;
    }

    /**
     * Keeps the largest changes of a tuned model, and puts everything else back to the base
     * (grafting in its simple form, Panigrahi et al. 2023, arXiv:2302.06600).
     *
     * @param share share of the entries of every tensor that stay changed, in (0, 1]
     */
    public static void graft(CausalLm tuned, CausalLm base, double share) {
        if (!(share > 0 && share <= 1)) {
            throw new IllegalArgumentException("the share must be in (0, 1], is " + share);
        }
        for (int p = 0; p < tuned.parameters().size(); p++) {
            Parameter parameter = tuned.parameters().get(p);
            int keep = (int) Math.max(1, Math.floor(share * parameter.elements()));
            try (Scope grafting = Scope.open()) {
                Kernels.call("graft_", parameter.value(), base.parameters().get(p).value(), keep);
            }
        }
    }

    /**
     * Measures the averages of base and tuned model at several shares of the tuned one (WiSE-FT).
     *
     * @param target gets one average after the other; neither of the models
     * @param alphas shares of the tuned model, each in [0, 1]
     * @param measure what is measured
     * @return the measure at each share
     */
    public static double[] sweep(
            CausalLm target,
            CausalLm base,
            CausalLm tuned,
            double[] alphas,
            ToDoubleFunction<CausalLm> measure) {
        double[] measured = new double[alphas.length];
        for (int a = 0; a < alphas.length; a++) {
            mix(target, List.of(base, tuned), 1 - alphas[a], alphas[a]);
            measured[a] = measure.applyAsDouble(target);
        }
        return measured;
    }
}
