package org.retain4j.regularization.projection;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.retain4j.core.model.CausalLm;
import org.retain4j.core.nn.Parameter;
import org.retain4j.core.tensor.Kernels;
import org.retain4j.core.tensor.Scope;
import org.retain4j.core.tensor.Tensor;
import org.retain4j.finetune.BatchSource;
import org.retain4j.finetune.GradientProjection;
import org.retain4j.finetune.LogitChunk;
import org.retain4j.finetune.Objective;
import org.retain4j.finetune.StateDict;

/**
 * Orthogonal gradient descent: steps leave the directions in which the scores of the labels of old
 * tasks changed, g ← g - Σ v (v·g) over an orthonormal basis v of their gradients (Farajtabar et
 * al. 2020, arXiv:1910.07104, the variant with the label's score).
 *
 * <p>The update of the optimizer is projected, not the gradient alone, so that it holds with AdamW
 * too. Every direction is a copy of the trained parameters: meant for adapters. Not safe for
 * concurrent use.
 */
public final class Ogd implements GradientProjection, AutoCloseable {

    /** Default number of directions that are kept. */
    public static final int DEFAULT_DIRECTIONS = 200;

    private static final double LEAST = 1e-6;

    private final CausalLm model;
    private final int most;
    private Scope scope = Scope.unbound();
    private final List<List<Tensor>> basis = new ArrayList<>();

    /**
     * Creates the projection without directions so far.
     *
     * @param most largest number of directions over all tasks, 1 or more
     */
    public Ogd(CausalLm model, int most) {
        if (most < 1) {
            throw new IllegalArgumentException("OGD needs room for a direction, not " + most);
        }
        this.model = model;
        this.most = most;
    }

    /**
     * Ends a task: adds directions of its data, one a row, as far as there is room.
     *
     * @param parameters the trained parameters, in the order of the runs
     * @param data rows 0, 1, … of the task
     * @param rows how many
     * @return how many directions were added
     */
    public int remember(List<Parameter> parameters, BatchSource data, int rows) {
        MemoryGradient memory = new MemoryGradient(model, new LabelScores());
        int before = basis.size();
        parameters.forEach(parameter -> parameter.value().requiresGrad(true));
        try {
            for (int row = 0; row < rows && basis.size() < most; row++) {
                try (Scope adding = Scope.open()) {
                    List<Tensor> direction = memory.of(data.rows(row, 1), parameters);
                    double whole = norm(direction);
                    // twice: once leaves rounding of the size of what was taken out
                    outside(direction);
                    outside(direction);
                    double rest = norm(direction);
                    if (rest > LEAST * whole) {
                        Kernels.call("list_mul_scalar_", direction, 1 / rest);
                        basis.add(direction.stream().map(scope::adopt).toList());
                    }
                }
            }
        } finally {
            parameters.forEach(parameter -> parameter.value().requiresGrad(false));
        }
        return basis.size() - before;
    }

    private static double norm(List<Tensor> list) {
        return Math.sqrt(Kernels.call("list_dot64", list, list).item());
    }

    private void outside(List<Tensor> list) {
        for (List<Tensor> direction : basis) {
            double dot = Kernels.call("list_dot64", list, direction).item();
            Kernels.call("list_axpy_", list, direction, -dot);
        }
    }

    @Override
    public void project(List<Parameter> parameters, List<Tensor> gradients) {
        try (Scope projecting = Scope.open()) {
            outside(gradients);
        }
    }

    @Override
    public boolean projectsUpdates() {
        return !basis.isEmpty();
    }

    @Override
    public void projectUpdate(List<Parameter> parameters, List<Tensor> before) {
        try (Scope projecting = Scope.open()) {
            List<Tensor> values = Parameter.values(parameters);
            List<Tensor> update = Kernels.callForList("list_sub", values, before);
            for (List<Tensor> direction : basis) {
                double dot = Kernels.call("list_dot64", update, direction).item();
                Kernels.call("list_axpy_", values, direction, -dot);
            }
        }
    }

    @Override
    public StateDict save() {
        Map<String, Tensor> tensors = new LinkedHashMap<>();
        for (int d = 0; d < basis.size(); d++) {
            for (int p = 0; p < basis.get(d).size(); p++) {
                tensors.put(d + "." + p, basis.get(d).get(p));
            }
        }
        return new StateDict(tensors, Map.of("directions", (long) basis.size()));
    }

    @Override
    public void load(StateDict state) {
        scope.close();
        scope = Scope.unbound();
        basis.clear();
        try (Scope loading = Scope.open()) {
            for (long d = 0; d < state.number("directions"); d++) {
                List<Tensor> direction = new ArrayList<>();
                for (int p = 0; state.tensors().containsKey(d + "." + p); p++) {
                    direction.add(scope.adopt(state.tensor(d + "." + p).copy()));
                }
                basis.add(direction);
            }
        }
    }

    /** Returns name and settings. */
    @Override
    public String toString() {
        return "Ogd[directions=" + most + "]";
    }

    @Override
    public void close() {
        scope.close();
    }

    /** The score of the label, the mean over counted tokens. */
    private static final class LabelScores implements Objective {
        @Override
        public Tensor accumulate(LogitChunk chunk) {
            return Kernels.call(
                    "label_logits_into",
                    chunk.logits(),
                    chunk.gradient(),
                    chunk.targets(),
                    chunk.weights());
        }
    }
}
