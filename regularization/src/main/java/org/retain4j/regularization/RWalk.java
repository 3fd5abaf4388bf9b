package org.retain4j.regularization;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import org.retain4j.core.nn.Parameter;
import org.retain4j.core.tensor.Kernels;
import org.retain4j.core.tensor.Scope;
import org.retain4j.core.tensor.Tensor;
import org.retain4j.finetune.StateDict;

/**
 * Riemannian walk: the importance of a weight is its moving Fisher information plus what it gained
 * per distance walked, L + λ Σ (F / max F + s / max s) (θ - θ*)² (Chaudhry et al. 2018,
 * arXiv:1801.10112).
 *
 * <p>F ← α g² + (1 - α) F with the gradient g of every step, which is at hand, so that no pass of
 * its own is needed; every Δ steps s ← s + ΔL / (F Δθ² / 2 + ε); the end of a task averages s with
 * that of before. Does nothing before the first {@link #consolidate}. Costs nine float32 copies of
 * the parameters. Not safe for concurrent use.
 */
public final class RWalk extends AnchoredPenalty implements Consolidating {

    private static final String ANCHOR = "anchor.";
    private static final String STEPS = "steps";
    private static final String TASKS = "tasks";

    private final Options options;
    private final Anchor anchor = new Anchor();
    private final PathTrace trace = new PathTrace();
    private final Map<String, Map<String, Tensor>> parts = new LinkedHashMap<>();
    private Scope scope = Scope.unbound();
    private Map<String, Tensor> resumedGains = Map.of();
    private long steps;
    private long tasks;

    /**
     * Settings.
     *
     * @param alpha α, share of a step's gradient in F, in (0, 1]
     * @param interval Δ, steps from one score to the next, 1 or more
     * @param epsilon ε, positive
     */
    public record Options(double alpha, int interval, double epsilon) {
        /**
         * Creates settings.
         *
         * @throws IllegalArgumentException if a number is out of range
         */
        public Options {
            if (!(alpha > 0 && alpha <= 1) || interval < 1 || !(epsilon > 0)) {
                throw new IllegalArgumentException(
                        "alpha must be in (0, 1], interval 1 or more and epsilon positive, are "
                                + alpha
                                + ", "
                                + interval
                                + " and "
                                + epsilon);
            }
        }

        /** Returns α = 0.9, Δ = 10 and ε = 1e-7. */
        public static Options defaults() {
            return new Options(0.9, 10, 1e-7);
        }
    }

    /** Kinds of tensors, one a parameter, that are kept. */
    private enum Part {
        FISHER,
        SCORE,
        SINCE,
        OLD_SCORE,
        WEIGHT;

        String prefix() {
            return name().toLowerCase(Locale.ROOT) + ".";
        }
    }

    /** Creates the penalty, its gradient joining that of the loss. */
    public RWalk(double lambda) {
        this(lambda, Mode.GRADIENT, Options.defaults());
    }

    /**
     * Creates the penalty.
     *
     * @param lambda λ, 0 or more
     * @param mode how it enters the step
     */
    public RWalk(double lambda, Mode mode, Options options) {
        super(mode, lambda);
        this.options = options;
        for (Part part : Part.values()) {
            parts.put(part.prefix(), new LinkedHashMap<>());
        }
        anchor.weigh(part(Part.WEIGHT));
    }

    private Map<String, Tensor> part(Part part) {
        return Objects.requireNonNull(parts.get(part.prefix()));
    }

    private List<Tensor> list(Part part, List<Parameter> parameters) {
        Map<String, Tensor> byName = part(part);
        return parameters.stream()
                .map(parameter -> Objects.requireNonNull(byName.get(parameter.name())))
                .toList();
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
        if (!resumed && tasks == 0) {
            anchor.take(held);
        }
        try (Scope making = Scope.open()) {
            for (Parameter parameter : held) {
                Tensor value = parameter.value().detach();
                for (Part part : Part.values()) {
                    part(part)
                            .computeIfAbsent(
                                    parameter.name(),
                                    name ->
                                            scope.adopt(
                                                    part == Part.SINCE
                                                            ? value.copy()
                                                            : Tensor.zerosLike(value)));
                }
            }
        }
        trace.begin(parameters, traced, resumedGains);
        resumedGains = Map.of();
        bind(parameters);
    }

    @Override
    public void observeTaskGradient(List<Parameter> parameters, List<Tensor> gradients) {
        trace.gradient(gradients);
        try (Scope averaging = Scope.open()) {
            // the first gradient stands alone, an average with 0 would be too small
            Kernels.call(
                    "moving_square_",
                    list(Part.FISHER, trace.parameters()),
                    trace.lastGradient(),
                    steps == 0 ? 1.0 : options.alpha());
        }
    }

    @Override
    public void observeUpdate(List<Parameter> parameters) {
        trace.moved();
        steps++;
        if (steps % options.interval() == 0) {
            score();
        }
    }

    private void score() {
        List<Parameter> traced = trace.parameters();
        try (Scope scoring = Scope.open()) {
            Kernels.call(
                    "walk_score_",
                    list(Part.SCORE, traced),
                    trace.gain(),
                    list(Part.FISHER, traced),
                    Parameter.values(traced),
                    list(Part.SINCE, traced),
                    options.epsilon());
        }
    }

    /** Ends a task; the importance is not read. */
    @Override
    public void consolidate(List<Parameter> parameters, Importance unused) {
        consolidate();
    }

    /** Ends a task: what its steps gained becomes importance. */
    public void consolidate() {
        score();
        List<Parameter> traced = trace.parameters();
        try (Scope ending = Scope.open()) {
            List<Tensor> old = list(Part.OLD_SCORE, traced);
            List<Tensor> scores = list(Part.SCORE, traced);
            if (tasks == 0) {
                Kernels.call("list_copy_", old, scores);
            } else {
                Kernels.call("list_lerp_", old, scores, 0.5);
            }
            Kernels.call(
                    "walk_importance_", list(Part.WEIGHT, traced), list(Part.FISHER, traced), old);
            Kernels.call("list_zero_", scores);
        }
        anchor.take(traced);
        anchor.bind(traced, this::holds);
        tasks++;
    }

    @Override
    public StateDict save() {
        Map<String, Tensor> tensors = new LinkedHashMap<>();
        anchor.anchors().forEach((name, value) -> tensors.put(ANCHOR + name, value));
        trace.gains().forEach((name, value) -> tensors.put("gain." + name, value));
        parts.forEach(
                (prefix, part) -> part.forEach((name, value) -> tensors.put(prefix + name, value)));
        return new StateDict(tensors, Map.of(STEPS, steps, TASKS, tasks));
    }

    @Override
    public void load(StateDict state) {
        try (Scope loading = Scope.open()) {
            markLoaded();
            steps = state.number(STEPS);
            tasks = state.number(TASKS);
            anchor.load(StateNames.with(ANCHOR, state));
            scope.close();
            scope = Scope.unbound();
            for (Map.Entry<String, Map<String, Tensor>> part : parts.entrySet()) {
                part.getValue().clear();
                StateNames.with(part.getKey(), state)
                        .forEach(
                                (name, value) ->
                                        part.getValue().put(name, scope.adopt(value.copy())));
            }
            Map<String, Tensor> gains = new LinkedHashMap<>();
            StateNames.with("gain.", state)
                    .forEach((name, value) -> gains.put(name, scope.adopt(value.copy())));
            resumedGains = gains;
        }
    }

    @Override
    String settings() {
        return super.settings() + ", " + options;
    }

    @Override
    public void close() {
        super.close();
        trace.close();
        scope.close();
    }
}
