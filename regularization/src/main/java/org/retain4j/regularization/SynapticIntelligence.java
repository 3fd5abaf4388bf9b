package org.retain4j.regularization;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.retain4j.core.nn.Parameter;
import org.retain4j.core.tensor.Kernels;
import org.retain4j.core.tensor.Scope;
import org.retain4j.core.tensor.Tensor;
import org.retain4j.finetune.StateDict;

/**
 * Synaptic intelligence: weights that did much for the loss of earlier tasks are held, L + c Σ Ω (θ
 * - θ*)² (Zenke, Poole and Ganguli 2017, arXiv:1703.04200).
 *
 * <p>Every step adds ω ← ω - g Δθ, g the gradient of the task alone; the end of a task adds Ω ← Ω +
 * max(0, ω / ((θ_end - θ_start)² + ξ)). Does nothing before the first {@link #consolidate}. Needs
 * no data and no pass of its own. Costs five float32 copies of the parameters and some 5 % of a
 * step. In the mode LOSS g is the gradient with the penalty, as a peer computes it. Not safe for
 * concurrent use.
 */
public final class SynapticIntelligence extends AnchoredPenalty implements Consolidating {

    /** Default ξ. */
    public static final double DEFAULT_XI = 0.1;

    private static final String ANCHOR = "anchor.";
    private static final String TOTAL = "total.";
    private static final String GAIN = "gain.";

    private final double xi;
    private final Anchor anchor = new Anchor();
    private final PathTrace trace = new PathTrace();
    private final Map<String, Tensor> total = new LinkedHashMap<>();
    private Scope scope = Scope.unbound();
    private @Nullable Map<String, Tensor> resumedGains;
    private boolean consolidated;

    /** Creates the penalty with ξ = 0.1, its gradient joining that of the loss. */
    public SynapticIntelligence(double c) {
        this(c, DEFAULT_XI, Mode.GRADIENT);
    }

    /**
     * Creates the penalty.
     *
     * @param c strength, 0 or more
     * @param xi ξ, positive: bounds the importance of weights that hardly moved
     * @param mode how it enters the step
     */
    public SynapticIntelligence(double c, double xi, Mode mode) {
        super(mode, c);
        if (!(xi > 0) || Double.isInfinite(xi)) {
            throw new IllegalArgumentException("xi must be positive, is " + xi);
        }
        this.xi = xi;
        anchor.weigh(total);
    }

    @Override
    public boolean needsImportance() {
        return false;
    }

    @Override
    List<Anchor> terms() {
        return List.of(anchor);
    }

    @Override
    void begin(List<Parameter> parameters, boolean resumed) {
        List<Integer> traced = new ArrayList<>();
        List<Parameter> held = new ArrayList<>();
        for (int i = 0; i < parameters.size(); i++) {
            if (holds(parameters.get(i))) {
                traced.add(i);
                held.add(parameters.get(i));
            }
        }
        if (!resumed && !consolidated) {
            anchor.take(held);
        }
        try (Scope making = Scope.open()) {
            for (Parameter parameter : held) {
                if (!total.containsKey(parameter.name())) {
                    total.put(
                            parameter.name(),
                            scope.adopt(Tensor.zerosLike(parameter.value().detach())));
                }
            }
        }
        Map<String, Tensor> gains = resumedGains;
        trace.begin(parameters, traced, gains == null ? Map.of() : gains);
        resumedGains = null;
        bind(parameters);
    }

    @Override
    public void observeTaskGradient(List<Parameter> parameters, List<Tensor> gradients) {
        trace.gradient(gradients);
    }

    @Override
    public void observeUpdate(List<Parameter> parameters) {
        trace.moved();
    }

    /** Ends a task; the importance is not read. */
    @Override
    public void consolidate(List<Parameter> parameters, Importance unused) {
        consolidate();
    }

    /** Ends a task: what its steps gained becomes importance. */
    public void consolidate() {
        List<Parameter> traced = trace.parameters();
        try (Scope adding = Scope.open()) {
            List<Tensor> sums = new ArrayList<>();
            List<Tensor> starts = new ArrayList<>();
            for (Parameter parameter : traced) {
                sums.add(Objects.requireNonNull(total.get(parameter.name())));
                starts.add(Objects.requireNonNull(anchor.anchors().get(parameter.name())));
            }
            Kernels.call(
                    "synaptic_importance_",
                    sums,
                    trace.gain(),
                    Parameter.values(traced),
                    starts,
                    xi,
                    true);
            Kernels.call("list_zero_", trace.gain());
        }
        anchor.take(traced);
        anchor.bind(traced, this::holds);
        consolidated = true;
    }

    /** Returns Ω by the names of parameters; they belong to this penalty. */
    public Map<String, Tensor> importance() {
        return Map.copyOf(total);
    }

    @Override
    public StateDict save() {
        Map<String, Tensor> tensors = new LinkedHashMap<>();
        anchor.anchors().forEach((name, value) -> tensors.put(ANCHOR + name, value));
        total.forEach((name, value) -> tensors.put(TOTAL + name, value));
        trace.gains().forEach((name, value) -> tensors.put(GAIN + name, value));
        return new StateDict(tensors, Map.of("consolidated", consolidated ? 1L : 0L));
    }

    @Override
    public void load(StateDict state) {
        try (Scope loading = Scope.open()) {
            markLoaded();
            consolidated = state.number("consolidated") == 1;
            anchor.load(StateNames.with(ANCHOR, state));
            scope.close();
            scope = Scope.unbound();
            total.clear();
            StateNames.with(TOTAL, state)
                    .forEach((name, value) -> total.put(name, scope.adopt(value.copy())));
            Map<String, Tensor> gains = new LinkedHashMap<>();
            StateNames.with(GAIN, state)
                    .forEach((name, value) -> gains.put(name, scope.adopt(value.copy())));
            resumedGains = gains;
        }
    }

    @Override
    String settings() {
        return super.settings() + ", xi=" + xi;
    }

    @Override
    public void close() {
        super.close();
        trace.close();
        scope.close();
    }
}
