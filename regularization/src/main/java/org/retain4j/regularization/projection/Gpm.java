package org.retain4j.regularization.projection;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.retain4j.core.model.CausalLm;
import org.retain4j.core.model.TokenBatch;
import org.retain4j.core.nn.Linear;
import org.retain4j.core.nn.Parameter;
import org.retain4j.core.nn.Taps;
import org.retain4j.core.tensor.Device;
import org.retain4j.core.tensor.Kernels;
import org.retain4j.core.tensor.Scope;
import org.retain4j.core.tensor.Tensor;
import org.retain4j.finetune.BatchSource;
import org.retain4j.finetune.GradientProjection;
import org.retain4j.finetune.StateDict;
import org.retain4j.finetune.TrainRow;

/**
 * Gradient projection memory: linear layers keep what they do to the inputs of old tasks, ΔW ← ΔW -
 * ΔW M Mᵀ with M the main directions of those inputs (Saha, Garg and Roy 2021, arXiv:2103.09762).
 *
 * <p>The directions are eigenvectors of the inputs' second moment, taken until they hold a share of
 * its trace; later tasks add what earlier ones do not hold. Gradient and update are projected, so
 * that it holds with AdamW too. Parameters other than the weights of linear layers in blocks are
 * free; freeze them where nothing may change. Costs one pass over some old rows and an
 * eigendecomposition a layer at the end of a task, eight bytes times the square of a layer's width
 * while that lasts, and a copy of the parameters a step. Not safe for concurrent use.
 */
public final class Gpm implements GradientProjection, AutoCloseable {

    /** Default share of the trace that the directions hold. */
    public static final double DEFAULT_SHARE = 0.97;

    private final Map<String, Linear> layers = new LinkedHashMap<>();
    private final CausalLm model;
    private final double share;
    private Scope scope = Scope.unbound();
    private final Map<String, Tensor> bases = new LinkedHashMap<>();

    /**
     * Creates the projection without directions so far.
     *
     * @param share ε, share of the inputs' trace that is protected, in (0, 1]
     */
    public Gpm(CausalLm model, double share) {
        if (!(share > 0 && share <= 1)) {
            throw new IllegalArgumentException("the share must be in (0, 1], is " + share);
        }
        this.model = model;
        this.share = share;
        for (Linear layer : model.linears()) {
            layers.put(layer.weight().name(), layer);
        }
    }

    /**
     * Ends a task: protects the directions of its inputs.
     *
     * @param data rows 0, 1, … of the task
     * @param rows how many, 1 or more
     */
    public void remember(BatchSource data, int rows) {
        Scope next = Scope.unbound();
        Map<String, Tensor> moments = new LinkedHashMap<>();
        try (Scope collecting = Scope.open()) {
            for (int r = 0; r < rows; r++) {
                try (Scope pass = Scope.open()) {
                    TrainRow row = data.rows(r, 1).get(0);
                    Taps taps = new Taps();
                    for (Linear layer : layers.values()) {
                        taps.onInput(
                                layer.name(),
                                x -> {
                                    add(moments, layer.weight().name(), x, collecting);
                                    return x;
                                });
                    }
                    model.hidden(TokenBatch.of(row.ids()), taps.stopAfterLast());
                }
            }
            for (Map.Entry<String, Tensor> moment : moments.entrySet()) {
                Tensor known = bases.get(moment.getKey());
                Tensor added =
                        Kernels.call(
                                "principal_directions",
                                moment.getValue(),
                                known == null ? List.of() : List.of(known),
                                share);
                bases.put(
                        moment.getKey(),
                        known == null
                                ? added.copy()
                                : Kernels.call("list_concatenate", List.of(known, added)));
            }
            bases.replaceAll((name, basis) -> next.adopt(basis.copy()));
        }
        scope.close();
        scope = next;
    }

    private static void add(Map<String, Tensor> moments, String name, Tensor x, Scope keep) {
        try (Scope adding = Scope.open()) {
            Tensor sum = Kernels.call("gram", x, List.of()).to(Device.CPU);
            Tensor before = moments.get(name);
            if (before == null) {
                moments.put(name, keep.adopt(sum));
            } else {
                before.addInPlace(sum, 1);
            }
        }
    }

    /** Returns how many directions of a layer's inputs are protected. */
    public long directions(String weight) {
        Tensor basis = bases.get(weight);
        return basis == null ? 0 : basis.size(1);
    }

    private boolean isTransposed(String weight) {
        Linear layer = layers.get(weight);
        return layer != null && layer.isTransposed();
    }

    @Override
    public void project(List<Parameter> parameters, List<Tensor> gradients) {
        try (Scope projecting = Scope.open()) {
            for (int i = 0; i < parameters.size(); i++) {
                String name = parameters.get(i).name();
                Tensor basis = bases.get(name);
                if (basis != null) {
                    Kernels.call(
                            "subspace_remove_",
                            gradients.get(i),
                            basis.to(gradients.get(i).device()),
                            isTransposed(name));
                }
            }
        }
    }

    @Override
    public boolean projectsUpdates() {
        return !bases.isEmpty();
    }

    @Override
    public void projectUpdate(List<Parameter> parameters, List<Tensor> before) {
        try (Scope projecting = Scope.open()) {
            for (int i = 0; i < parameters.size(); i++) {
                String name = parameters.get(i).name();
                Tensor basis = bases.get(name);
                if (basis != null) {
                    Kernels.call(
                            "subspace_keep_",
                            parameters.get(i).value(),
                            before.get(i),
                            basis.to(before.get(i).device()),
                            isTransposed(name));
                }
            }
        }
    }

    @Override
    public StateDict save() {
        return new StateDict(bases, Map.of());
    }

    @Override
    public void load(StateDict state) {
        scope.close();
        scope = Scope.unbound();
        bases.clear();
        try (Scope loading = Scope.open()) {
            state.tensors().forEach((name, basis) -> bases.put(name, scope.adopt(basis.copy())));
        }
    }

    /** Returns name and settings. */
    @Override
    public String toString() {
        return "Gpm[share=" + share + "]";
    }

    @Override
    public void close() {
        scope.close();
    }
}
