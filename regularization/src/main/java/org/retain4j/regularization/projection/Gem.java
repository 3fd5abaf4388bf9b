package org.retain4j.regularization.projection;

import java.util.ArrayList;
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
 * Gradient episodic memory: the gradient of a step is moved as little as needed so that to first
 * order it raises the loss of no old task (Lopez-Paz and Ranzato 2017, arXiv:1706.08840).
 *
 * <p>With the gradients r_t of the old tasks as rows of G: v minimises vᵀ(GGᵀ + 10⁻³ I)v / 2 +
 * (Gg)ᵀv with v ≥ margin, and g ← g + Gᵀv; nothing is done where Gg ≥ 0. Needs old data of every
 * task. Costs a forward and a backward pass and a copy of the gradients for each. Not safe for
 * concurrent use.
 */
public final class Gem implements GradientProjection {

    /** The margin of the paper's code. */
    public static final double DEFAULT_MARGIN = 0.5;

    static final double RIDGE = 1e-3;

    /** Most old tasks. */
    public static final int MOST_TASKS = 20;

    private static final String STEPS = "steps";

    private final MemoryGradient memory;
    private final List<BatchSource> tasks;
    private final int rows;
    private final double margin;
    private long steps;

    /**
     * Creates the projection.
     *
     * @param model the trained model
     * @param tasks data of each old task, at most 20; each step reads the next rows
     * @param rows rows of each a step, 1 or more
     * @param margin least weight of each old task once one is violated, 0 or more
     */
    public Gem(CausalLm model, List<BatchSource> tasks, int rows, double margin) {
        if (tasks.isEmpty() || tasks.size() > MOST_TASKS || rows < 1 || !(margin >= 0)) {
            throw new IllegalArgumentException(
                    "GEM needs 1 to 20 old tasks, a row or more of each and a margin from 0 on; got "
                            + tasks.size()
                            + ", "
                            + rows
                            + " and "
                            + margin);
        }
        this.memory = new MemoryGradient(model);
        this.tasks = List.copyOf(tasks);
        this.rows = rows;
        this.margin = margin;
    }

    @Override
    public void project(List<Parameter> parameters, List<Tensor> gradients) {
        try (Scope projecting = Scope.open()) {
            List<List<Tensor>> old = new ArrayList<>();
            for (BatchSource task : tasks) {
                old.add(memory.of(task.rows(steps * rows, rows), parameters));
            }
            steps++;
            move(gradients, old);
        }
    }

    /** Moves a gradient by old ones. */
    void move(List<Tensor> gradients, List<List<Tensor>> old) {
        int n = old.size();
        double[] products = new double[n];
        boolean violated = false;
        for (int t = 0; t < n; t++) {
            products[t] = Kernels.call("list_dot64", old.get(t), gradients).item();
            violated |= products[t] < 0;
        }
        if (!violated) {
            return;
        }
        double[][] gram = new double[n][n];
        for (int s = 0; s < n; s++) {
            for (int t = 0; t <= s; t++) {
                gram[s][t] = Kernels.call("list_dot64", old.get(s), old.get(t)).item();
                gram[t][s] = gram[s][t];
            }
            gram[s][s] += RIDGE;
        }
        double[] v = BoundedQuadratic.minimum(gram, products, margin);
        for (int t = 0; t < n; t++) {
            Kernels.call("list_axpy_", gradients, old.get(t), v[t]);
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
        return "Gem[tasks=" + tasks.size() + ", rows=" + rows + ", margin=" + margin + "]";
    }
}
