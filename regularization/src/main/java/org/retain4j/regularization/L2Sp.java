package org.retain4j.regularization;

import java.util.List;
import org.retain4j.core.nn.Parameter;
import org.retain4j.finetune.optim.NamePattern;

/**
 * L2-SP, a spring from every parameter to its value before training: L + λ Σ (θ - θ*)² (Li,
 * Grandvalet and Davoine 2018, arXiv:1802.01483).
 *
 * <p>The paper's second term β Σ w² for parameters that training adds, such as a new head, is on
 * for the parameters that are named as new. Needs no old data. Costs one float32 copy of the
 * parameters and about 2 % of the time of a step. Use without weight decay, which pulls to 0
 * instead. Not safe for concurrent use.
 */
public final class L2Sp extends AnchoredPenalty {

    /** Default strength. */
    public static final double DEFAULT_LAMBDA = 0.3;

    private final Anchor old = new Anchor();
    private List<NamePattern> added = List.of();
    private double beta;
    private List<Anchor> terms = List.of(old);

    /** Creates the penalty of this strength, its gradient joining that of the loss. */
    public L2Sp(double lambda) {
        this(lambda, Mode.GRADIENT);
    }

    /**
     * Creates the penalty.
     *
     * @param lambda λ, 0 or more
     * @param mode how it enters the step
     */
    public L2Sp(double lambda, Mode mode) {
        super(mode, lambda);
    }

    /**
     * Creates the penalty with new parameters, which are pulled to 0.
     *
     * @param lambda λ, positive
     * @param beta β, 0 or more
     * @param added patterns of the new parameters, see {@link NamePattern}
     */
    public static L2Sp withNew(double lambda, Mode mode, double beta, List<String> added) {
        if (!(lambda > 0) || !(beta >= 0) || Double.isInfinite(beta)) {
            throw new IllegalArgumentException(
                    "lambda must be positive and beta 0 or more, are " + lambda + " and " + beta);
        }
        L2Sp penalty = new L2Sp(lambda, mode);
        penalty.beta = beta;
        penalty.added = added.stream().map(NamePattern::of).toList();
        penalty.terms = List.of(penalty.old, new Anchor().toZero(beta / lambda));
        return penalty;
    }

    private boolean isNew(Parameter parameter) {
        return added.stream().anyMatch(pattern -> pattern.matches(parameter.name()));
    }

    @Override
    List<Anchor> terms() {
        return terms;
    }

    @Override
    void begin(List<Parameter> parameters, boolean resumed) {
        List<Parameter> known = parameters.stream().filter(p -> holds(p) && !isNew(p)).toList();
        if (!resumed) {
            old.take(known);
        }
        old.bind(parameters, p -> holds(p) && !isNew(p));
        if (terms.size() > 1) {
            terms.get(1).bind(parameters, p -> holds(p) && isNew(p));
        }
    }

    @Override
    String settings() {
        return super.settings() + (added.isEmpty() ? "" : ", beta=" + beta + ", new=" + added);
    }
}
