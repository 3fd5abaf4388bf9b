package org.retain4j.regularization;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.retain4j.core.nn.Parameter;
import org.retain4j.core.tensor.Scope;
import org.retain4j.core.tensor.Tensor;
import org.retain4j.finetune.StateDict;

/**
 * Elastic weight consolidation with an importance and an anchor for every earlier task: L + λ Σ_t Σ
 * F_t (θ - θ_t*)² (Kirkpatrick et al. 2017, arXiv:1612.00796, section 2).
 *
 * <p>Does nothing before the first {@link #consolidate}. Costs two float32 copies of the parameters
 * for every task. Not safe for concurrent use.
 */
public final class SeparateEwc extends AnchoredPenalty implements Consolidating {

    private static final String TASKS = "tasks";

    private final List<Anchor> terms = new ArrayList<>();
    private final List<Map<String, Tensor>> importances = new ArrayList<>();
    private Scope scope = Scope.unbound();

    /** Creates the penalty of this strength, its gradient joining that of the loss. */
    public SeparateEwc(double lambda) {
        this(lambda, Mode.GRADIENT);
    }

    /**
     * Creates the penalty.
     *
     * @param lambda λ, 0 or more
     * @param mode how it enters the step
     */
    public SeparateEwc(double lambda, Mode mode) {
        super(mode, lambda);
    }

    @Override
    public boolean needsImportance() {
        return true;
    }

    @Override
    public void consolidate(List<Parameter> parameters, Importance added) {
        List<Parameter> held = parameters.stream().filter(this::holds).toList();
        Map<String, Tensor> copies = new LinkedHashMap<>();
        try (Scope copying = Scope.open()) {
            for (Parameter parameter : held) {
                copies.put(parameter.name(), scope.adopt(added.of(parameter.name()).copy()));
            }
        }
        Anchor anchor = add(copies);
        anchor.take(held);
    }

    private Anchor add(Map<String, Tensor> importance) {
        Anchor anchor = new Anchor();
        anchor.weigh(importance);
        terms.add(anchor);
        importances.add(importance);
        return anchor;
    }

    @Override
    List<Anchor> terms() {
        return terms;
    }

    @Override
    void begin(List<Parameter> parameters, boolean resumed) {
        bind(parameters);
    }

    @Override
    public StateDict save() {
        Map<String, Tensor> tensors = new LinkedHashMap<>();
        for (int t = 0; t < terms.size(); t++) {
            int task = t;
            terms.get(t)
                    .anchors()
                    .forEach((name, value) -> tensors.put(task + ".anchor." + name, value));
            importances
                    .get(t)
                    .forEach((name, value) -> tensors.put(task + ".importance." + name, value));
        }
        return new StateDict(tensors, Map.of(TASKS, (long) terms.size()));
    }

    @Override
    public void load(StateDict state) {
        try (Scope loading = Scope.open()) {
            markLoaded();
            terms.forEach(Anchor::close);
            terms.clear();
            importances.clear();
            scope.close();
            scope = Scope.unbound();
            for (long t = 0; t < state.number(TASKS); t++) {
                Map<String, Tensor> copies = new LinkedHashMap<>();
                StateNames.with(t + ".importance.", state)
                        .forEach((name, value) -> copies.put(name, scope.adopt(value.copy())));
                add(copies).load(StateNames.with(t + ".anchor.", state));
            }
        }
    }

    @Override
    public void close() {
        super.close();
        scope.close();
    }
}
