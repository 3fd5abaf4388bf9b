package org.retain4j.regularization.projection;

import java.util.List;
import java.util.Map;
import org.retain4j.core.model.CausalLm;
import org.retain4j.core.nn.Parameter;
import org.retain4j.core.tensor.Kernels;
import org.retain4j.core.tensor.Scope;
import org.retain4j.core.tensor.Tensor;
import org.retain4j.finetune.BatchSource;
import org.retain4j.finetune.GradientProjection;
import org.retain4j.finetune.StateDict;

/**
 * Averaged gradient episodic memory: where the gradient g of a step would raise the loss on old
 * data, whose gradient is r, its part along r is taken out, g ← g - (g·r / r·r) r (Chaudhry et al.
 * 2019, arXiv:1812.00420).
 *
 * <p>Optimizers with moments do not step along g; with {@code projectUpdate} the step itself is
 * projected too. Needs old data. Costs a forward and a backward pass of old rows a step and one
 * copy of the gradients, with {@code projectUpdate} one of the parameters too. Not safe for
 * concurrent use.
 */
public final class AGem implements GradientProjection, AutoCloseable {

    private static final String STEPS = "steps";

    private final MemoryGradient memory;
    private final BatchSource old;
    private final int rows;
    private final boolean projectUpdate;
    private Scope scope = Scope.unbound();
    private List<Tensor> reference = List.of();
    private long steps;

    /**
     * Creates the projection.
     *
     * @param model the trained model
     * @param old old data; each step reads the next rows
     * @param rows rows of old data a step, 1 or more
     * @param projectUpdate whether the optimizer's step is projected too
     */
    public AGem(CausalLm model, BatchSource old, int rows, boolean projectUpdate) {
        if (rows < 1) {
            throw new IllegalArgumentException("A-GEM needs at least one old row, not " + rows);
        }
        this.memory = new MemoryGradient(model);
        this.old = old;
        this.rows = rows;
        this.projectUpdate = projectUpdate;
    }

    @Override
    public void project(List<Parameter> parameters, List<Tensor> gradients) {
        scope.close();
        scope = Scope.unbound();
        try (Scope projecting = Scope.open()) {
            List<Tensor> gradient = memory.of(old.rows(steps * rows, rows), parameters);
            steps++;
            double dot = Kernels.call("list_dot64", gradients, gradient).item();
            if (dot < 0) {
                removeFrom(gradients, gradient, dot);
            }
            if (projectUpdate) {
                reference = gradient.stream().map(scope::adopt).toList();
            }
        }
    }

    @Override
    public boolean projectsUpdates() {
        return projectUpdate;
    }

    @Override
    public void projectUpdate(List<Parameter> parameters, List<Tensor> before) {
        try (Scope projecting = Scope.open()) {
            List<Tensor> values = Parameter.values(parameters);
            List<Tensor> update = Kernels.callForList("list_sub", values, before);
            double dot = Kernels.call("list_dot64", update, reference).item();
            // a step along the old gradient raises the old loss
            if (dot > 0) {
                removeFrom(values, reference, dot);
            }
        }
    }

    /** Takes out the part along a direction, of which the product with it is known. */
    private static void removeFrom(List<Tensor> all, List<Tensor> direction, double dot) {
        double square = Kernels.call("list_dot64", direction, direction).item();
        if (square > 0) {
            Kernels.call("list_axpy_", all, direction, -dot / square);
        }
    }

    @Override
    public StateDict save() {
        return new StateDict(Map.of(), Map.of(STEPS, steps));
    }

    @Override
    public void load(StateDict state) {
        steps = state.number(STEPS);
    }

    /** Returns name and settings. */
    @Override
    public String toString() {
        return "AGem[rows=" + rows + ", projectUpdate=" + projectUpdate + "]";
    }

    @Override
    public void close() {
        scope.close();
    }
}
