package org.retain4j.regularization.optimizer;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.LongFunction;
import org.retain4j.core.nn.Parameter;
import org.retain4j.core.tensor.Kernels;
import org.retain4j.core.tensor.Scope;
import org.retain4j.core.tensor.Tensor;
import org.retain4j.finetune.StateDict;
import org.retain4j.finetune.optim.Optimizer;

/**
 * An optimizer whose steps leave some parameters where they are. Their moments go on, as if they
 * had moved.
 */
final class HeldBack extends Sam.Wrapped {

    private static final String STEPS = "held_back.steps";

    private final Optimizer inner;
    private final List<Parameter> parameters;
    private final LongFunction<boolean[]> held;
    private long steps;

    /**
     * Wraps an optimizer.
     *
     * @param held which parameters stay, by the number of the step
     */
    HeldBack(Optimizer inner, List<Parameter> parameters, LongFunction<boolean[]> held) {
        super(inner);
        this.inner = inner;
        this.parameters = parameters;
        this.held = held;
    }

    @Override
    public void step(List<Tensor> gradients, double learningRate) {
        boolean[] stays = held.apply(steps);
        try (Scope holding = Scope.open()) {
            List<Tensor> kept = new ArrayList<>();
            for (int i = 0; i < stays.length; i++) {
                if (stays[i]) {
                    kept.add(parameters.get(i).value());
                }
            }
            List<Tensor> before = Kernels.callForList("list_clone", kept);
            inner.step(gradients, learningRate);
            Kernels.call("list_copy_", kept, before);
        }
        steps++;
    }

    @Override
    public StateDict save() {
        StateDict own = inner.save();
        Map<String, Long> numbers = new LinkedHashMap<>(own.numbers());
        numbers.put(STEPS, steps);
        return new StateDict(own.tensors(), numbers);
    }

    @Override
    public void load(StateDict state) {
        inner.load(state);
        steps = state.number(STEPS);
    }
}
