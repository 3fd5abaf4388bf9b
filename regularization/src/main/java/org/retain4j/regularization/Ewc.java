package org.retain4j.regularization;

import java.util.List;
import org.retain4j.core.nn.Parameter;

/**
 * Elastic weight consolidation: a spring from every parameter to its value before training, as
 * strong as the parameter matters for the old data: L + λ Σ F (θ - θ*)² (Kirkpatrick et al. 2017,
 * arXiv:1612.00796).
 *
 * <p>The paper writes λ/2; here λ stands for the whole factor, as in {@link L2Sp}; {@link
 * Convention#strength} converts. F is the diagonal {@link Fisher} information, by default scaled to
 * mean 1, so that λ means the same for every model; with the importance of {@link Mas} in its place
 * this is memory aware synapses. Needs old data once, for F. Costs two float32 copies of the
 * parameters. For a sequence of tasks see {@link OnlineEwc} and {@link SeparateEwc}. Not safe for
 * concurrent use.
 */
public final class Ewc extends AnchoredPenalty {

    /** Default strength. */
    public static final double DEFAULT_LAMBDA = 0.3;

    private final Anchor anchor = new Anchor();
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
        super(mode, lambda);
        this.importance = importance;
    }

    @Override
    List<Anchor> terms() {
        return List.of(anchor);
    }

    @Override
    void begin(List<Parameter> parameters, boolean resumed) {
        if (!resumed) {
            anchor.take(parameters.stream().filter(this::holds).toList());
        }
        anchor.weigh(importance.byName());
        bind(parameters);
    }
}
