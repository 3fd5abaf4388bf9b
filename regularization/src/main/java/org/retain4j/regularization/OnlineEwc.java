package org.retain4j.regularization;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.retain4j.core.nn.Parameter;
import org.retain4j.core.tensor.Kernels;
import org.retain4j.core.tensor.Scope;
import org.retain4j.core.tensor.Tensor;
import org.retain4j.finetune.StateDict;

/**
 * Online elastic weight consolidation: one running importance for all earlier tasks, F ← γ F + δ
 * F_new, and one anchor, the end of the last task: L + λ Σ F (θ - θ*)² (Schwarz et al. 2018,
 * "Progress and Compress", arXiv:1805.06370; Huszár 2018, arXiv:1712.03847).
 *
 * <p>Does nothing before the first {@link #consolidate}. With importances of {@link Mas} and δ = 1
 * - γ this is memory aware synapses with an average. Costs two float32 copies of the parameters
 * whatever the number of tasks. Not safe for concurrent use.
 */
public final class OnlineEwc extends AnchoredPenalty implements Consolidating {

    private static final String ANCHOR = "anchor.";
    private static final String IMPORTANCE = "importance.";

    private final Options options;
    private final Anchor anchor = new Anchor();
    private final Map<String, Tensor> importance = new LinkedHashMap<>();
    private Scope scope = Scope.unbound();

    /**
     * Settings.
     *
     * @param gamma γ, share of the old importance that is kept, in [0, 1]
     * @param share δ, share of the new importance
     * @param gammaInLoss whether the penalty itself takes γ F, as Progress and Compress does
     */
    public record Options(double gamma, double share, boolean gammaInLoss) {
        /**
         * Creates settings.
         *
         * @throws IllegalArgumentException if a number is out of range
         */
        public Options {
            if (!(gamma >= 0 && gamma <= 1) || !(share > 0) || Double.isInfinite(share)) {
                throw new IllegalArgumentException(
                        "gamma must be in [0, 1] and share positive, are "
                                + gamma
                                + " and "
                                + share);
            }
        }

        /** Returns γ = 1 and δ = 1: nothing fades. */
        public static Options defaults() {
            return new Options(1, 1, false);
        }
    }

    /** Creates the penalty with γ = 1, its gradient joining that of the loss. */
    public OnlineEwc(double lambda) {
        this(lambda, Mode.GRADIENT, Options.defaults());
    }

    /**
     * Creates the penalty.
     *
     * @param lambda λ, 0 or more
     * @param mode how it enters the step
     */
    public OnlineEwc(double lambda, Mode mode, Options options) {
        super(mode, lambda);
        this.options = options;
        anchor.share(options.gammaInLoss() ? options.gamma() : 1);
        anchor.weigh(importance);
    }

    @Override
    public boolean needsImportance() {
        return true;
    }

    @Override
    public void consolidate(List<Parameter> parameters, Importance added) {
        List<Parameter> held = parameters.stream().filter(this::holds).toList();
        Scope next = Scope.unbound();
        Map<String, Tensor> sum = new LinkedHashMap<>();
        try (Scope adding = Scope.open()) {
            for (Parameter parameter : held) {
                String name = parameter.name();
                Tensor own = next.adopt(added.of(name).mul(options.share()));
                Tensor before = importance.get(name);
                if (before != null) {
                    Tensor part =
                            before.shape().length == 0 ? own : own.narrow(0, 0, before.shape()[0]);
                    Kernels.call("list_add_", List.of(part), List.of(before), options.gamma());
                }
                sum.put(name, own);
            }
        }
        scope.close();
        scope = next;
        importance.clear();
        importance.putAll(sum);
        anchor.take(held);
    }

    @Override
    List<Anchor> terms() {
        return List.of(anchor);
    }

    @Override
    void begin(List<Parameter> parameters, boolean resumed) {
        bind(parameters);
    }

    @Override
    public StateDict save() {
        Map<String, Tensor> tensors = new LinkedHashMap<>();
        anchor.anchors().forEach((name, value) -> tensors.put(ANCHOR + name, value));
        importance.forEach((name, value) -> tensors.put(IMPORTANCE + name, value));
        return new StateDict(tensors, Map.of());
    }

    @Override
    public void load(StateDict state) {
        try (Scope loading = Scope.open()) {
            markLoaded();
            anchor.load(StateNames.with(ANCHOR, state));
            scope.close();
            scope = Scope.unbound();
            importance.clear();
            StateNames.with(IMPORTANCE, state)
                    .forEach((name, value) -> importance.put(name, scope.adopt(value.copy())));
        }
    }

    @Override
    String settings() {
        return super.settings() + ", " + options;
    }

    @Override
    public void close() {
        super.close();
        scope.close();
    }
}
