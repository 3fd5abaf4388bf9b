package org.retain4j.regularization;

import java.util.List;
import org.retain4j.core.nn.Parameter;
import org.retain4j.core.tensor.Tensor;
import org.retain4j.finetune.Penalty;
import org.retain4j.finetune.StateDict;

/**
 * Elastic weight consolidation: a spring from every parameter to its value before training, as
 * strong as the parameter matters for the old data: L + λ Σ F (θ - θ*)² (Kirkpatrick et al. 2017,
 * arXiv:1612.00796).
 *
 * <p>The paper writes λ/2; here λ stands for the whole factor, as in {@link L2Sp}. F is the
 * diagonal Fisher information, by default scaled to mean 1, so that λ means the same for every
 * model. Needs old data once, for F. Costs two float32 copies of the parameters. Not safe for
 * concurrent use.
 */
public final class Ewc implements Penalty, AutoCloseable {

    /** Default strength. */
    public static final double DEFAULT_LAMBDA = 0.3;

    private final Mode mode;
    private final Anchor anchor;
    private final Importance importance;

    /** Creates the penalty of this strength, its gradient joining that of the loss. */
    public Ewc(double lambda, Importance importance) {
        this(lambda, importance, Mode.GRADIENT);
    }

    /**
     * Creates the penalty.
     *
     * @param lambda λ, 0 or more
     * @param importance F of every trained parameter; belongs to the caller
     * @param mode how it enters the step
     */
    public Ewc(double lambda, Importance importance, Mode mode) {
        this.mode = mode;
        this.anchor = new Anchor(mode, lambda);
        this.importance = importance;
    }

    @Override
    public Mode mode() {
        return mode;
    }

    @Override
    public void start(List<Parameter> parameters) {
        anchor.start(parameters, importance.of(parameters));
    }

    @Override
    public double value(List<Parameter> parameters) {
        return anchor.value(parameters);
    }

    @Override
    public double addGradient(List<Parameter> parameters, List<Tensor> gradients) {
        return anchor.addGradient(parameters, gradients);
    }

    @Override
    public void afterStep(List<Parameter> parameters, double learningRate) {
        anchor.afterStep(parameters, learningRate);
    }

    @Override
    public StateDict save() {
        return anchor.save();
    }

    @Override
    public void load(StateDict state) {
        anchor.load(state);
    }

    /** Returns name and settings. */
    @Override
    public String toString() {
        return "Ewc" + anchor;
    }

    /** Frees the copy of the parameters; the importance stays with the caller. */
    @Override
    public void close() {
        anchor.close();
    }
}
